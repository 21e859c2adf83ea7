"""The only place that constructs: container, Flask application, launcher and the preparations for a bare machine."""
