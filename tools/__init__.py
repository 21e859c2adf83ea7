"""What only developers run: benchmarks, guard scores, fuzzing, evaluation; `python -m tools.<name>`."""
