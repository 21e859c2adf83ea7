"""Runs: a question is answered in the background; its events can be watched, again and from anywhere, and stopped."""
