"""The outside world behind small interfaces: databases, Redis, models, servers, the ASGI bridge, logging."""
