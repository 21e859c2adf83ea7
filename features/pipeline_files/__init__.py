"""Files, logs and table lists of pipeline tasks, as routes; the services are those of the data pipeline."""
