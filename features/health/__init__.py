"""Can questions be answered now, and what is impaired."""
