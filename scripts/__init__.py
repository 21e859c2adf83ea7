"""Command-line tools, each run with `python -m scripts.<name>`."""
