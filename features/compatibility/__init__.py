"""Which route is answered by which handler and which agent."""
