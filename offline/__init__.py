"""Answers questions without a language model: from words to links, from links to a plan, from the plan to SQL."""
