"""The one language-model client and the embeddings client; features and agents use them, `bootstrap` builds them."""
