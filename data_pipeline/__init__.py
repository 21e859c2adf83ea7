"""From a schema to trained examples: one file a stage, one runner."""
