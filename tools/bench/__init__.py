"""Measures the service: `python -m tools.bench <figure>` prints one JSON line a figure."""
