"""The service's front page: what runs here."""
