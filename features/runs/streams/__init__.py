"""The historical event streams: a question asked and watched in one GET, as a thin watcher of a run."""
