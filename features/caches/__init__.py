"""What the caches hold and how they are emptied: embeddings, answers, and the sessions of `ask_cached`."""
