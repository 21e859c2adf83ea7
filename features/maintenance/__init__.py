"""What operators switch while they repair or move the service."""
