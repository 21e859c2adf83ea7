"""Pipeline tasks: made, run in the background, watched, with their files and logs. Every entry uses the services."""
