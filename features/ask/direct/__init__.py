"""From a question straight to rows, without classification: the `ask` and `ask_cached` routes."""
