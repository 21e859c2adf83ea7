"""The brain that answers without a key and without a network: retrieval plus schema-aware parsing."""
