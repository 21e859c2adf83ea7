"""Decides whether a question is for the database or for a chat: by rules, by the brain, or by the caller's mode."""
