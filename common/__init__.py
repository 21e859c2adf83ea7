"""Bottom layer: plain values, errors and texts that every other package may use; it imports nothing of ours."""
