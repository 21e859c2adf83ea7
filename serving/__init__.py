"""The process model: launcher, supervisor, workers, the servers below the applications and what ties them together."""
