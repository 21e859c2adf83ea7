"""Counts the steps of a backtracking search, so that growth can be told without a clock.

The parse tree is that of Python's own `re`; it is walked as its engine does: left to right, greedy or lazy, one
alternative after the other, from every place of the text. Bounded repetitions count as at most `CAP` long, so that
short texts already show how the work grows.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from re import _constants as op
from re import _parser as parser
from typing import Any, Final

CAP: Final = 6
LIMIT: Final = 20_000
_DEPTH: Final = 20_000
Next = Callable[[int], bool]
Node = Callable[[int, Next], bool]


class TooManyStepsError(Exception):
    """The search takes more than the steps it was given."""


class StepCounter:
    """One pattern. `steps(text)` is the number of characters and positions looked at until it is found or fails."""

    def __init__(
        self, pattern: str, flags: int, *, is_anchored: bool, is_full: bool = False, limit: int = LIMIT
    ) -> None:
        tree = parser.parse(pattern, flags)
        self._flags = flags | tree.state.flags
        self._node = self._sequence(list(tree))
        self._is_anchored = is_anchored
        self._is_full = is_full
        self._limit = limit
        self._text = ""
        self._steps = 0

    def steps(self, text: str) -> int:
        """The number of steps; `limit` when it would take more."""
        self._text, self._steps = text, 0
        ended: Next = (lambda at: at == len(text)) if self._is_full else (lambda at: True)
        depth = sys.getrecursionlimit()
        sys.setrecursionlimit(_DEPTH)
        try:
            for start in range(1 if self._is_anchored else len(text) + 1):
                self._count()
                if self._node(start, ended):
                    break
        except (TooManyStepsError, RecursionError):
            return self._limit
        finally:
            sys.setrecursionlimit(depth)
        return self._steps

    def _count(self) -> None:
        self._steps += 1
        if self._steps >= self._limit:
            raise TooManyStepsError

    def _sequence(self, items: list[Any]) -> Node:
        nodes = [self._one(kind, value) for kind, value in items]

        def run(at: int, then: Next, number: int = 0) -> bool:
            if number == len(nodes):
                return then(at)
            return nodes[number](at, lambda reached: run(reached, then, number + 1))

        return run

    def _one(self, kind: Any, value: Any) -> Node:
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT):
            return self._repeat(kind, *value)
        if kind is op.SUBPATTERN:
            return self._sequence(list(value[-1]))
        if kind is op.ATOMIC_GROUP:
            return self._atomic(self._sequence(list(value)))
        if kind is op.BRANCH:
            return self._branch([self._sequence(list(branch)) for branch in value[1]])
        if kind in (op.ASSERT, op.ASSERT_NOT):
            return self._assertion(value[0], self._sequence(list(value[1])), kind is op.ASSERT, value[1])
        if kind is op.AT:
            return self._place(value)
        if kind in (op.GROUPREF, op.GROUPREF_EXISTS):
            return lambda at, then: then(at)
        return self._character(kind, value)

    def _character(self, kind: Any, value: Any) -> Node:
        def run(at: int, then: Next) -> bool:
            self._count()
            return at < len(self._text) and takes(kind, value, self._text[at], self._flags) and then(at + 1)

        return run

    def _branch(self, branches: list[Node]) -> Node:
        return lambda at, then: any(branch(at, then) for branch in branches)

    def _atomic(self, node: Node) -> Node:
        def run(at: int, then: Next) -> bool:
            ends: list[int] = []

            def ended(end: int) -> bool:
                ends.append(end)
                return True

            return node(at, ended) and then(ends[0])

        return run

    def _assertion(self, direction: int, node: Node, is_wanted: bool, tree: Any) -> Node:
        width = tree.getwidth()[0]

        def run(at: int, then: Next) -> bool:
            start = at if direction > 0 else at - width
            return (start >= 0 and node(start, lambda _end: True)) is is_wanted and then(at)

        return run

    def _repeat(self, kind: Any, least: int, most: int, inner: Any) -> Node:
        node = self._sequence(list(inner))
        bound = None if most is op.MAXREPEAT else min(int(most), max(CAP, least))
        is_lazy = kind is op.MIN_REPEAT

        def run(at: int, then: Next, done: int = 0) -> bool:
            def again() -> bool:
                if bound is not None and done >= bound:
                    return False
                return node(at, lambda end: (end > at or done < least) and run(end, then, done + 1))

            if done < least:
                return again()
            return (then(at) or again()) if is_lazy else (again() or then(at))

        return self._atomic(run) if kind is op.POSSESSIVE_REPEAT else run

    def _place(self, value: Any) -> Node:
        def is_there(at: int) -> bool:
            text = self._text
            if value in (op.AT_BEGINNING, op.AT_BEGINNING_STRING):
                is_line = value is op.AT_BEGINNING and self._flags & re.MULTILINE and at > 0 and text[at - 1] == "\n"
                return at == 0 or bool(is_line)
            if value in (op.AT_END, op.AT_END_STRING):
                is_line = (
                    value is op.AT_END
                    and text[at : at + 1] == "\n"
                    and (self._flags & re.MULTILINE or at + 1 == len(text))
                )
                return at == len(text) or bool(is_line)
            before, behind = (at > 0 and _is_word(text[at - 1])), (at < len(text) and _is_word(text[at]))
            return (before != behind) is (value is op.AT_BOUNDARY)

        def run(at: int, then: Next) -> bool:
            self._count()
            return is_there(at) and then(at)

        return run


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def takes(kind: Any, value: Any, character: str, flags: int) -> bool:
    """Whether a node of one character matches it."""
    if kind is op.LITERAL:
        return _same(chr(value), character, flags)
    if kind is op.NOT_LITERAL:
        return not _same(chr(value), character, flags)
    if kind is op.ANY:
        return character != "\n" or bool(flags & re.DOTALL)
    members = value if kind is op.IN else [(kind, value)]
    is_negated = bool(members) and members[0][0] is op.NEGATE
    return any(_is_member(one, character, flags) for one in members) is not is_negated


def _same(one: str, other: str, flags: int) -> bool:
    return one == other or bool(flags & re.IGNORECASE and one.lower() == other.lower())


def _is_member(member: Any, character: str, flags: int) -> bool:
    kind, value = member
    if kind is op.LITERAL:
        return _same(chr(value), character, flags)
    if kind is op.RANGE:
        both = {character, character.lower(), character.upper()} if flags & re.IGNORECASE else {character}
        return any(value[0] <= ord(one) <= value[1] for one in both if len(one) == 1)
    if kind is op.CATEGORY:
        name = str(value).rpartition("_")[2].lower()
        is_in = {"digit": character.isdigit(), "space": character.isspace(), "word": _is_word(character)}[name]
        return is_in is not ("NOT" in str(value))
    return False
