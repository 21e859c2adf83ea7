"""What is kept of conversations: lists, messages, figures, and their removal."""
