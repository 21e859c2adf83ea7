"""sqlglot turned strict: every call keeps its written name, nothing falls back to a raw command; used by the guard.

sqlglot is a transpiler: it accepts more than a server does and renames functions. These subclasses drop its function
translation (each call becomes `Anonymous` with the name as written), its parameter syntax and its fallbacks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar, Final

from sqlglot import exp, parser
from sqlglot.dialects.dialect import Dialect
from sqlglot.dialects.mysql import MySQL
from sqlglot.dialects.postgres import Postgres
from sqlglot.dialects.sqlite import SQLite
from sqlglot.errors import SqlglotError
from sqlglot.parsers.mysql import MySQLParser
from sqlglot.parsers.postgres import PostgresParser
from sqlglot.parsers.sqlite import SQLiteParser
from sqlglot.tokenizer_core import Token as ParserToken
from sqlglot.tokenizer_core import TokenType

from core.sql_guard.lexer import Token
from core.sql_guard.refusal import Refusal
from core.sql_parsing import BoundedParsing, PostgresTypeReading, TooMuchWorkError, Work, bounded_parse, parsing_steps

# Functions with a grammar of their own inside the parentheses; all others take plain arguments.
_SPECIAL_CALLS: Final = (
    "CAST",
    "EXTRACT",
    "JSON_OBJECT",
    "JSON_TABLE",
    "JSON_VALUE",
    "OVERLAY",
    "POSITION",
    "SUBSTRING",
    "TRIM",
)


# Operators sqlglot's tokenizer hands to its parser as two tokens.
_READ_AS_TWO: Final = ("<<", ">>", "!~", "!~*", "!~~", "!~~*")


def _special_calls(source: type[parser.Parser]) -> dict[str, Any]:
    return {name: source.FUNCTION_PARSERS[name] for name in _SPECIAL_CALLS if name in source.FUNCTION_PARSERS}


def _without_fallback(self: Any, *_: Any, **__: Any) -> Any:
    raise Refusal("parse.syntax", self._curr.start if self._curr else None)


class _StrictPostgresParser(BoundedParsing, PostgresTypeReading, PostgresParser):
    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = _special_calls(PostgresParser)
    NO_PAREN_FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        name: call for name, call in PostgresParser.NO_PAREN_FUNCTION_PARSERS.items() if name in ("ANY", "CASE")
    }
    PLACEHOLDER_PARSERS: ClassVar[dict[Any, Any]] = {}
    # `->` inside a call is PostgreSQL's JSON operator, never a lambda; `=>` names an argument.
    LAMBDAS: ClassVar[dict[Any, Any]] = {TokenType.FARROW: PostgresParser.LAMBDAS[TokenType.FARROW]}
    # PostgreSQL's `@` is the absolute value; sqlglot reads a parameter.
    UNARY_PARSERS: ClassVar[dict[Any, Any]] = {
        **PostgresParser.UNARY_PARSERS,
        TokenType.PARAMETER: lambda self: self.expression(exp.Abs(this=self._parse_unary())),
    }
    _parse_as_command = _without_fallback
    _warn_unsupported = _without_fallback  # it would log the statement

    def _parse_recursive_with_search(self) -> exp.RecursiveWithSearch | None:
        """SEARCH and CYCLE with any number of columns; sqlglot reads one."""
        is_search = self._match_text_seq("SEARCH")
        if not self._match_texts(("BREADTH", "DEPTH") if is_search else ("CYCLE",)):
            return None
        kind = self._prev.text.upper()
        if is_search and not self._match_text_seq("FIRST", "BY"):
            self.raise_error("Expected FIRST BY")
        columns = self._parse_csv(self._parse_id_var)
        return self.expression(
            exp.RecursiveWithSearch(
                kind=kind,
                this=columns[0] if len(columns) == 1 else exp.Tuple(expressions=columns),
                expression=self._match_text_seq("SET") and self._parse_id_var(),
                to=self._match_text_seq("TO") and self._parse_primary(),
                default=self._match(TokenType.DEFAULT) and self._parse_primary(),
                using=self._match_text_seq("USING") and self._parse_id_var(),
            )
        )


class StrictPostgres(Postgres):
    """PostgreSQL, read without translation."""

    INDEX_OFFSET = 0  # subscripts stay as written; shifting them takes quadratic time on a chain of them
    Parser = _StrictPostgresParser


class _StrictSqliteParser(BoundedParsing, SQLiteParser):
    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = _special_calls(SQLiteParser)
    PLACEHOLDER_PARSERS: ClassVar[dict[Any, Any]] = {}
    _parse_as_command = _without_fallback
    _warn_unsupported = _without_fallback  # it would log the statement


class StrictSqlite(SQLite):
    """SQLite, read without translation."""

    Parser = _StrictSqliteParser


class _StrictMysqlParser(BoundedParsing, MySQLParser):
    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = _special_calls(MySQLParser)
    PLACEHOLDER_PARSERS: ClassVar[dict[Any, Any]] = {}
    _parse_as_command = _without_fallback
    _warn_unsupported = _without_fallback  # it would log the statement


class StrictMysql(MySQL):
    """MySQL, read without translation."""

    Parser = _StrictMysqlParser


@lru_cache(maxsize=4)
def strict_dialect(name: str) -> Dialect:
    """The strict dialect for `postgres`, `sqlite` or `mysql`."""
    return {"postgres": StrictPostgres, "sqlite": StrictSqlite, "mysql": StrictMysql}[name]()


def parse_statement(sql: str, tokens: Sequence[Token], dialect_name: str, work: Work | None = None) -> exp.Expr:
    """The one statement `tokens` (without comments and closing semicolon) make.

    Args:
        sql: the original text the token offsets point into.
        work: what the whole check may cost; it gets the steps of these tokens added. Default: those steps alone.

    Raises:
        Refusal: it does not parse, needs too much work, or the parser's tokenizer cuts the text differently from ours.
    """
    dialect = strict_dialect(dialect_name)
    work = work or Work(0)
    work.add(parsing_steps(len(tokens)))
    try:
        parser_tokens = dialect.tokenize(_blanked(sql, tokens))
        _check_same_cuts(parser_tokens, tokens)
        statements = bounded_parse(dialect, parser_tokens, sql, work)
    except TooMuchWorkError as error:
        raise Refusal("text.work") from error
    except SqlglotError as error:
        raise Refusal("parse.syntax", _error_offset(error, sql)) from error
    except RecursionError as error:
        raise Refusal("parse.too_deep") from error
    if len(statements) != 1 or statements[0] is None:
        raise Refusal("statement.multiple")
    return statements[0]


def _blanked(sql: str, tokens: Sequence[Token]) -> str:
    """The text with everything but `tokens` turned into spaces, so that comments cannot reach the parser."""
    pieces: list[str] = []
    offset = 0
    for token in tokens:
        pieces.append(" " * (token.start - offset))
        pieces.append(sql[token.start : token.end])
        offset = token.end
    return "".join(pieces)


def _check_same_cuts(parser_tokens: Sequence[ParserToken], tokens: Sequence[Token]) -> None:
    starts = {token.start: token for token in tokens}
    for token in tokens:
        if token.text in _READ_AS_TWO or (token.kind == "number" and token.text.startswith(".")):
            starts[token.start + 1] = token
    for found in parser_tokens:
        ours = starts.get(found.start)
        if ours is None:
            raise Refusal("parse.token_mismatch", found.start)
        is_text = ours.kind in ("string", "quoted")
        if is_text and found.end + 1 != ours.end:
            raise Refusal("parse.token_mismatch", found.start)


def _error_offset(error: SqlglotError, sql: str) -> int | None:
    details = getattr(error, "errors", None)
    if not details:
        return None
    line: int | None = details[0].get("line")
    column: int | None = details[0].get("col")
    highlight: str = details[0].get("highlight") or ""
    if not line or not column:
        return None
    lines = sql.splitlines(keepends=True)
    return max(0, sum(len(text) for text in lines[: line - 1]) + column - len(highlight))
