"""How many tokens a text has when the provider does not say. Used for usage and by whoever fills prompts."""

from __future__ import annotations

from typing import Final

_ASCII_PER_TOKEN: Final = 4


def estimated_tokens(text: str) -> int:
    """Four ASCII characters, or one other, make a token: rather too many than too few."""
    ascii_count = len(text.encode("ascii", "ignore"))
    return len(text) - ascii_count + -(-ascii_count // _ASCII_PER_TOKEN)


def cut_to_tokens(text: str, limit: int) -> str:
    """The longest beginning of `text` that is estimated at `limit` tokens at most."""
    if estimated_tokens(text) <= limit:
        return text
    low, high = 0, min(len(text), max(limit, 0) * _ASCII_PER_TOKEN)
    while low < high:
        middle = (low + high + 1) // 2
        if estimated_tokens(text[:middle]) <= limit:
            low = middle
        else:
            high = middle - 1
    return text[:low]
