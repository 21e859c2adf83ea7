"""Which values a question leaves out: 除了庐山服务区, 不含危化品, 庐山服务区除外. Used by `interpret`."""

from __future__ import annotations

from collections.abc import Sequence

from agent.offline.scanner import Token

_SAID = ("period", "measure", "concept", "number", "table")


def excluded_values(tokens: Sequence[Token]) -> tuple[frozenset[int], list[str]]:
    """The positions of the values left out, and the words of exclusion that have no value beside them."""
    found: set[int] = set()
    idle: list[str] = []
    for position, token in enumerate(tokens):
        if token.is_word("exclude"):
            values = _listed(tokens, position + 1, 1)
        elif token.is_word("exclude_after"):
            noun = position > 0 and tokens[position - 1].kind == "concept"
            values = _listed(tokens, position - 2 if noun else position - 1, -1)
        else:
            continue
        found |= values
        following = tokens[position + 1] if position + 1 < len(tokens) else None
        if not values and (not token.is_aside or (following is not None and following.kind in _SAID)):
            idle.append(token.text)
    return frozenset(found), idle


def _listed(tokens: Sequence[Token], position: int, step: int) -> set[int]:
    """The value at `position` and those joined to it by 和, in the direction of `step`."""
    found: set[int] = set()
    while 0 <= position < len(tokens) and tokens[position].kind == "value":
        found.add(position)
        following = position + step
        if not (0 <= following < len(tokens) and tokens[following].is_word("and")):
            break
        position = following + step
    return found
