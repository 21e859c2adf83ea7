"""Measures the service: `python -m scripts.bench <figure>` prints one JSON line a figure."""
