"""What the service offers, a folder a noun: routes parse, services decide, repositories ask."""
