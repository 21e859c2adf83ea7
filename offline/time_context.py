"""What stands around a possible time and decides whether it is one: prepositions, units, comparisons."""

from __future__ import annotations

import re


def is_inside_word(text: str, position: int) -> bool:
    before, here = text[position - 1 : position], text[position]
    if before.isascii() and before.isalnum() and here.isascii() and here.isalnum():
        return not (before.isalpha() and here.isdigit())
    return before == "." and here.isdigit() and text[position - 2 : position - 1].isdigit()


def is_led(text: str, position: int) -> bool:
    """A preposition or a time noun stands before."""
    return bool(
        re.search(
            r"(?:in|on|during|of|for|since|until|before|after|by|year|and|to|from|between|month|through)\s+(?:the\s+)?$",
            text[:position],
        )
    )


def is_plain_year(text: str, match: re.Match[str]) -> bool:
    """A bare number that can only be a year: no unit, comparison or counted noun stands beside it."""
    before, after = text[: match.start()], text[match.end() :]
    if re.search(r"(?:[<>=]|than|above|over|below|under|least|most|超过|大于|小于|低于|高于|第)\s*$", before):
        return False
    return bool(re.match(r"\s*(?:$|[,.?!;)]|and\b|的|各|每|q[1-4]|to\b|by\b|per\b|for\b|in\b|with\b|总|全)", after))


def is_short_range(text: str, position: int) -> bool:
    """4.5-4.7 is a span of days; a single 4.5 is a number."""
    return bool(
        re.match(r"\d{1,2}\.\d{1,2}\s*(?:-|~|到|至)\s*\d{1,2}\.\d{1,2}(?![\d%万亿])", text[position:])
        or re.search(r"\d{1,2}\.\d{1,2}\s*(?:-|~|到|至)\s*$", text[:position])
    )
