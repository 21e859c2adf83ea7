"""What this process is doing at the moment, for a scraper."""
