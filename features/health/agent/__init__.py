"""Whether the classic agent can answer, found out by letting it answer."""
