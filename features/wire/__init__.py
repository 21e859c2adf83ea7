"""The wire in one place: readers of what clients send, the envelope, pages and events. Knows no feature."""
