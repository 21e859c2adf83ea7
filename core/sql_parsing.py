"""Parses SQL in bounded work: a parser that counts its steps and looks at a clock, so that no text can hold a thread.

sqlglot is plain Python here and reads a token with one step forward; wherever a grammar is ambiguous it steps back and
reads again, and nested texts make it read exponentially often. A thread cannot be killed from outside, so the parser
ends itself: each step is counted by a `Work`, which raises when the steps or the processor time are spent. Every
module that parses SQL does it with `parse_statements` or, in the guard, with a parser that mixes in `BoundedParsing`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final, Protocol

from sqlglot import exp
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.postgres import Postgres
from sqlglot.errors import ErrorLevel, ParseError, SqlglotError
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.tokenizer_core import TokenType

# A statement people write takes the parser 1.0 to 1.6 steps a token.
_STEPS_PER_TOKEN: Final = 4
_STEPS_TO_START: Final = 400
_LARGEST_TEXT: Final = 20_000
_MOST_TOKENS: Final = 4_000
_STOP_SECONDS: Final = 1.0
_STEPS_PER_LOOK: Final = 256
_STEPS_PER_CHAINED_SUBSCRIPT: Final = 250


class TooMuchWorkError(SqlglotError):
    """A text asks for more work than it may; raised from inside the parser or a walk over its tree."""


class Cancellation(Protocol):
    """A signal that the caller has left: a `CancelFlag` or a `threading.Event`."""

    def is_set(self) -> bool: ...


class CallerLeftError(Exception):
    """Nobody waits for the outcome any more; raised instead of going on."""


class Work:
    """How much more one text may make us do; not for use by several threads.

    Args:
        steps: steps of the parser, or visits of a tree's nodes.
        seconds: processor time of the calling thread from now on. It is looked at every 256 steps.
        cancel: looked at as often; the work ends when it is set.
    """

    __slots__ = ("_cancel", "_left", "_next_look", "_stop_at")

    def __init__(self, steps: int, seconds: float = _STOP_SECONDS, cancel: Cancellation | None = None) -> None:
        self._cancel = cancel
        self._left = steps
        self._stop_at = time.thread_time() + seconds
        self._next_look = max(0, steps - _STEPS_PER_LOOK)

    def spend(self, steps: int = 1) -> None:
        """Count `steps`.

        Raises:
            TooMuchWorkError: the steps or the time are spent.
            CallerLeftError: the caller does not wait any more.
        """
        self._left -= steps
        if self._left < self._next_look:
            self._look()

    def add(self, steps: int) -> None:
        """Grant `steps` more; the time stays what it was."""
        self._left += steps
        self._next_look = max(0, self._left - _STEPS_PER_LOOK)

    def _look(self) -> None:
        if self._left < 0 or time.thread_time() > self._stop_at:
            raise TooMuchWorkError("text needs too much work")
        if self._cancel is not None and self._cancel.is_set():
            raise CallerLeftError
        self._next_look = max(0, self._left - _STEPS_PER_LOOK)


def parsing_steps(tokens: int) -> int:
    """The steps a parser may take for a text of so many tokens."""
    return _STEPS_TO_START + _STEPS_PER_TOKEN * tokens


class BoundedParsing:
    """Mixed into a sqlglot parser, before it in the order of bases: counts each of its steps.

    Attributes:
        work: what the parser may still do; `bounded_parse` sets it. The parsers sqlglot makes by itself for the name of
            a type have no more to read than that name.
    """

    work: Work | None = None

    def _advance(self: Any, times: int = 1) -> None:
        if (work := self.work) is None:
            self.work = work = Work(parsing_steps(self._tokens_size))
        work.spend()
        super()._advance(times)  # type: ignore[misc]

    def _parse_bracket(self: Any, this: exp.Expr | None = None) -> exp.Expr | None:
        """Subscripts shift by one in some dialects, for which sqlglot looks at all that stands before them."""
        if isinstance(this, exp.Bracket) and self._curr.token_type is TokenType.L_BRACKET:
            self.work.spend(_STEPS_PER_CHAINED_SUBSCRIPT)
        parsed: exp.Expr | None = super()._parse_bracket(this)  # type: ignore[misc]
        return parsed


class PostgresTypeReading:
    """Mixed into a PostgreSQL parser: tells types from calls by looking ahead instead of reading them twice.

    `numeric(10, 2) '3.5'` is a constant with a type, `numeric(x)` a call, `ARRAY[...]` always a constructor. Modifiers
    of a type are constants or words, as the server demands.
    """

    def _parse_types(
        self: Any,
        check_func: bool = False,
        schema: bool = False,
        allow_identifiers: bool = True,
        with_collation: bool = False,
    ) -> exp.Expr | None:
        if check_func and not self._may_be_typed_constant():
            return None
        parsed: exp.Expr | None = super()._parse_types(  # type: ignore[misc]
            check_func=check_func,
            schema=schema,
            allow_identifiers=allow_identifiers,
            with_collation=with_collation,
        )
        return parsed

    def _may_be_typed_constant(self: Any) -> bool:
        if self._curr.token_type is TokenType.ARRAY:
            return False
        if self._next.token_type is not TokenType.L_PAREN or self._curr.token_type not in self.TYPE_TOKENS:
            return True
        # The modifiers of a typed constant hold no brackets of their own, so the first closing one ends them.
        tokens: Sequence[Any] = self._tokens
        for position in range(self._index + 2, self._tokens_size - 1):
            kind = tokens[position].token_type
            if kind is TokenType.R_PAREN:
                return tokens[position + 1].token_type in _AFTER_TYPE_MODIFIERS
            if kind in _BRACKETS:
                return False
            self.work.spend()
        return False

    def _parse_type_size(self: Any) -> exp.DataTypeParam | None:
        is_negative = self._match(TokenType.DASH)
        if (number := self._parse_number()) is not None:
            value = exp.Neg(this=number) if is_negative else number
        elif is_negative or (value := self._parse_var(any_token=False, upper=True)) is None:
            self.raise_error("Expected a constant type modifier")
        return exp.DataTypeParam(this=value)


_BRACKETS: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.R_BRACKET})
# A string, or `with` and `without` of `timestamp(3) without time zone '...'`.
_AFTER_TYPE_MODIFIERS: Final = frozenset({TokenType.STRING, TokenType.WITH, TokenType.VAR})


def bounded_parse(dialect: Dialect, tokens: list[Any], text: str, work: Work) -> list[exp.Expr | None]:
    """The statements `tokens` make, read by the parser of `dialect`, which must mix in `BoundedParsing`.

    Raises:
        SqlglotError: they do not parse; `TooMuchWorkError`: they cost more than `work`.
        RecursionError: they nest too deep.
    """
    parser: Any = dialect.parser(error_level=ErrorLevel.IMMEDIATE)
    parser.work = work
    parsed: list[exp.Expr | None] = parser.parse(tokens, text)
    return parsed


class _BoundedPostgresParser(BoundedParsing, PostgresTypeReading, PostgresParser):
    pass


class BoundedPostgres(Postgres):
    """sqlglot's PostgreSQL in bounded work."""

    Parser = _BoundedPostgresParser


_POSTGRES: Final = BoundedPostgres()


def parse_statements(text: str, *, work: Work | None = None) -> list[exp.Expr]:
    """The statements of a PostgreSQL text, empty ones left out.

    Args:
        work: what this and other texts of one caller may still cost together; by default what this text alone may.

    Raises:
        SqlglotError: the text does not parse, has more than 20,000 characters or 4,000 tokens, nests too deep, or
            needs too much work.
    """
    if len(text) > _LARGEST_TEXT:
        raise TooMuchWorkError("text is too long")
    try:
        tokens = _POSTGRES.tokenize(text)
        if len(tokens) > _MOST_TOKENS:
            raise TooMuchWorkError("text has too many tokens")
        parsed = bounded_parse(_POSTGRES, tokens, text, work or Work(parsing_steps(len(tokens))))
        return [statement for statement in parsed if statement is not None]
    except RecursionError as error:
        raise ParseError("text nests too deep") from error
