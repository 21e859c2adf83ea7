"""What the model calls of a tenant have used and cost."""
