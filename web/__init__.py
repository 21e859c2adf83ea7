"""HTTP around every route: the Flask application, the table of routes, access, limits, errors, logs and figures."""
