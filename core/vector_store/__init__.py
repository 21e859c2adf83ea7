"""Training examples found again by meaning and by words: embedding, bigrams, rank fusion and the store over them."""
