"""`python -m scripts.parity`: the command line of `cutover.parity`."""
