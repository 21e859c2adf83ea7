"""One question, one answer: the `ask_agent` route and the conversation around it."""
