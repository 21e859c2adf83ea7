"""How many tokens a text has when the provider does not say. Used by `core.llm.reply_builder`."""

from __future__ import annotations

from typing import Final

_ASCII_PER_TOKEN: Final = 4


def estimated_tokens(text: str) -> int:
    """Four ASCII characters, or one other, make a token: rather too many than too few."""
    ascii_count = sum(character.isascii() for character in text)
    return len(text) - ascii_count + -(-ascii_count // _ASCII_PER_TOKEN)
