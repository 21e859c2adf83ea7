"""Commands of operators, each run with `python -m scripts.<name>`."""
