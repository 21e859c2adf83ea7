"""The administrators' routes about training data: conflicts, quarantine, drift."""
