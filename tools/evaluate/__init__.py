"""Measures the answers of the whole service on sets of questions with reference SQL: `python -m tools.evaluate SET`."""
