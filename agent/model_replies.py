"""Reads what a model wrote: a classification, or SQL among prose. Decides by structure, never runs anything.

Used by `agent.model_brain`. The SQL found is not checked here: several statements or changing ones are handed on as
they are, the guard refuses them.
"""

from __future__ import annotations

import itertools
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlglot import exp
from sqlglot.errors import SqlglotError

from agent import reply_vocabulary as words
from agent.full_width import with_ascii_punctuation
from agent.reply_blocks import (
    SQL_LANGUAGES,
    Fence,
    inline_codes,
    json_members,
    split_fences,
    tagged,
    without_end_tokens,
    without_label,
)
from agent.reply_vocabulary import vocabulary
from common import messages
from common.answering import Classification, SqlDraft
from core.sql_parsing import Work, parse_statements

METHOD: Final = "enhanced_llm"
UNKNOWN_CONFIDENCE: Final = 0.5

_CLASSIFICATION_CHARS: Final = 4_000
_SEARCHED_CHARS: Final = 60_000
_PARSED_CHARS: Final = 20_000
_TRIED_STARTS: Final = 5
_TRIED_PROSE_LINES: Final = 5
_EXPLANATION_CHARS: Final = 2_000
_TRIED_BOUNDARIES: Final = 40
_PARSER_STEPS: Final = 30_000  # for all attempts on one reply
_PARSER_SECONDS: Final = 0.2
_MERE_EXPRESSIONS: Final = (exp.Condition, exp.Alias, exp.Tuple)

_BOUNDARY: Final = re.compile(r";|\n[ \t]*\n|\n(?=[^\W\d]\w{2,20}[ \t]*[:：](?!:))")
_LEADING_COMMENT: Final = re.compile(r"(?:\s+|--[^\n]*\n|/\*.*?\*/|\()*", re.DOTALL)
_FIRST_WORD: Final = re.compile(r"[A-Za-z]+\b")
_CTE_HEAD: Final = re.compile(r'WITH\s+(?:RECURSIVE\s+)?(?:"[^"]+"|\w+)\s*(?:\([^)]*\)\s*)?AS\b', re.IGNORECASE)
_QUERY_BODY: Final = re.compile(r"\bFROM\b|[(*]", re.IGNORECASE)
_PROSE_LINE: Final = re.compile(r"^(?!\s*--)(?=[^'\"，。：！；？]*+[，。：！；？])[^'\"]*+$")
_INTERMEDIATE: Final = re.compile(r"(?:--|/\*)[ \t]*intermediate_sql\b", re.IGNORECASE)
_NUMBER: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*(%|/\s*10+\b)?")


class _Parses(Work):
    """What reading one reply may still cost, with the statements of every text that was parsed on the way."""

    def __init__(self, steps: int, seconds: float) -> None:
        super().__init__(steps, seconds)
        self.parsed: dict[str, list[exp.Expr]] = {}


def read_classification(text: str) -> Classification:
    """The classification a reply states; a reply that states none is CHAT with confidence 0.5.

    Understands `label: value` with ASCII or full-width colons, Markdown marks, brackets, percentages, English labels,
    one line or several, and JSON.
    """
    text = text[:_CLASSIFICATION_CHARS]
    stated = _json_members(text) or _labelled_lines(text)
    kind = _kind(_member(stated, vocabulary().type_labels))
    reason = _member(stated, vocabulary().reason_labels)
    if kind is None:
        return Classification("CHAT", UNKNOWN_CONFIDENCE, reason or messages.MODEL_CLASSIFICATION_UNPARSED, METHOD)
    confidence = _confidence(_member(stated, vocabulary().confidence_labels))
    return Classification("DATABASE" if kind == "DATABASE" else "CHAT", confidence, reason, METHOD)


def read_sql(text: str, based_on: tuple[str, ...] = (), *, is_finished: bool = True) -> SqlDraft:
    """The SQL of a reply, or the reason why there is none (docs/contract/agent.md).

    Args:
        is_finished: whether the model said that it was done.
    """
    sql = find_sql(text, may_be_open=is_finished)
    if sql:
        return SqlDraft(sql=sql, based_on=based_on, is_intermediate=bool(_INTERMEDIATE.search(text)))
    return replace(_without_statement(text), based_on=based_on)


def _without_statement(text: str) -> SqlDraft:
    """The reason that a reply without SQL gives."""
    explanation = re.sub(r"\n\s*\n+", "\n\n", text).strip()[:_EXPLANATION_CHARS]
    lowered = explanation.lower()
    if not re.search(r"\w", explanation.replace("sql", "")):
        return SqlDraft(explanation=messages.UNKNOWN_GENERATION_FAILURE, reason="unknown_generation_failure")
    if _has_any(lowered, vocabulary().missing_table_marks):
        return SqlDraft(explanation=messages.MISSING_DATABASE_INFO, reason="missing_database_info", said=explanation)
    if _has_any(lowered, vocabulary().ambiguity_marks):
        return SqlDraft(explanation=messages.AMBIGUOUS_QUESTION, reason="ambiguous_question", said=explanation)
    if _has_any(lowered, vocabulary().refusal_marks) or not set(words.SQL_WORDS) & set(re.findall(r"[a-z]+", lowered)):
        return SqlDraft(explanation=explanation, reason="llm_explanation", said=explanation)
    return SqlDraft(explanation=explanation, reason="invalid_sql_format", said=explanation)


def find_sql(text: str, *, may_be_open: bool = True) -> str:
    """The statement text in a reply, without fences and prose; empty when there is none.

    Args:
        may_be_open: whether a fence without an end counts; what ended early without a word may be half a statement.
    """
    text = without_end_tokens(text[:_SEARCHED_CHARS])
    work = _Parses(_PARSER_STEPS, _PARSER_SECONDS)
    fences, outside = split_fences(text)
    for candidate in _marked(fences, outside, may_be_open=may_be_open):
        sql = _tidied(candidate, work)
        if _is_sql(sql, work, is_marked=True):
            return sql
    if any(fence.is_open for fence in fences) and not may_be_open:
        return ""
    for candidate in itertools.islice(_line_starts(outside), _TRIED_STARTS):
        sql = _tidied(candidate, work)
        if _is_sql(sql, work, is_marked=False):
            return "" if _ends_in_failure(candidate, sql) else sql
    return ""


def _marked(fences: Sequence[Fence], outside: str, *, may_be_open: bool) -> Iterator[str]:
    """What stands where a reply says that SQL stands, the last fence first."""
    for fence in reversed(fences):
        if fence.is_open and not may_be_open:
            continue
        if fence.language in SQL_LANGUAGES:
            yield fence.text
        if fence.language in {"", "json"}:
            yield from json_members(fence.text)
    yield tagged(outside)
    if outside.lstrip()[:1] in ("{", "[") or '"sql"' in outside:
        yield from json_members(outside)
    if not _has_any(outside.lower(), vocabulary().refusal_marks):  # a refusal quotes what it does not say
        yield from (code for code in inline_codes(outside) if _first_word(code) in words.QUERY_STARTS)


def _tidied(candidate: str, work: _Parses) -> str:
    text = candidate.strip()
    if _first_word(text) not in words.QUERY_STARTS | words.OTHER_STARTS:
        text = without_label(text)
    text = with_ascii_punctuation(text)
    return _cut_prose(_without_markdown_escapes(text, work), work)


def _ends_in_failure(candidate: str, sql: str) -> bool:
    """Whether the text after the statement reports a failure: a proxy's words where the model's were cut off."""
    position = candidate.find(sql)
    rest = candidate[position + len(sql) :].strip() if position >= 0 else ""
    return bool(vocabulary().failure_line.match(rest))


def _line_starts(text: str) -> Iterator[str]:
    """The text from each line on that begins like SQL; comment lines just above it belong to it.

    A label or number before a query in its line is left out, and so are quotes around it.
    """
    lines = text.splitlines()
    start = 0
    for number, line in enumerate(lines):
        if not line.strip() or line.lstrip().startswith(("--", "/*")):
            continue
        bare = without_label(line)
        if _first_word(line) in words.QUERY_STARTS | words.OTHER_STARTS:
            yield "\n".join(lines[start:]).strip()
        elif _first_word(bare) in words.QUERY_STARTS:
            yield "\n".join([bare, *lines[number + 1 :]]).strip()
        start = number + 1


def _cut_prose(text: str, work: _Parses) -> str:
    """The leading part of `text` that is SQL: grown over `;` and blank lines while what follows is SQL too."""
    best = ""
    boundaries = [match.end() for match in _BOUNDARY.finditer(text)][:_TRIED_BOUNDARIES]
    for end in [*boundaries, len(text)]:
        piece = text[len(best) : end].strip()
        if best and piece and _first_word(piece) not in _STATEMENT_WORDS and not piece.startswith(("(", "--", "/*")):
            break
        # The parser forgives a comma at the end; a list goes on after it.
        if not text[:end].rstrip().endswith(",") and _statements(text[:end].strip(), work):
            best = text[:end]
    return _without_prose_lines(best.strip() or text, work)


_STATEMENT_WORDS: Final = words.QUERY_STARTS | words.OTHER_STARTS | words.LATER_STARTS | words.CONTINUATION_STARTS


def _without_markdown_escapes(text: str, work: _Parses) -> str:
    r"""Undo `\_` where it stands in names; a text that is SQL as it is, with the escape in a pattern, stays."""
    return text if "\\_" not in text or _statements(text, work) else text.replace("\\_", "_")


def _without_prose_lines(sql: str, work: _Parses) -> str:
    """PostgreSQL would read a closing Chinese sentence as an alias; drop it when the rest stands without it."""
    for _ in range(_TRIED_PROSE_LINES):
        rest, _, last = sql.rpartition("\n")
        if not _PROSE_LINE.match(last) or not _statements(rest, work):
            break
        sql = rest.strip()
    return sql


def _is_sql(text: str, work: _Parses, *, is_marked: bool) -> bool:
    """Whether to hand `text` on as SQL: it parses as statements, or it is clearly meant as a query and is broken."""
    first = _first_word(text)
    if first in words.QUERY_STARTS:
        if len(text.split(None, 1)) < 2:
            return False
        if _statements(text, work):
            return True
        body = text[_leading(text) :]
        return bool(_CTE_HEAD.match(body)) if first == "WITH" else bool(_QUERY_BODY.search(body))
    if first not in words.OTHER_STARTS:
        return False
    parsed = _statements(text, work)
    if first in words.NEEDED_WORDS and words.NEEDED_WORDS[first] not in text.upper():
        return False
    # Commands are what the parser does not know; in prose only capitals tell them from an English sentence.
    return is_marked or (bool(parsed) and (not _has_command(parsed) or first in text[:60]))


def _statements(text: str, work: _Parses) -> list[exp.Expr]:
    """The parsed statements when all of `text` is statements, else an empty list; also when `work` is spent."""
    if not text or len(text) > _PARSED_CHARS or _first_word(text) not in words.QUERY_STARTS | words.OTHER_STARTS:
        return []
    known = work.parsed.get(text)
    if known is None:
        known = work.parsed[text] = _parsed(text, work)
    return known


def _parsed(text: str, work: Work) -> list[exp.Expr]:
    try:
        parsed = parse_statements(text, work=work)
    except SqlglotError:
        return []
    return [] if any(isinstance(one, _MERE_EXPRESSIONS) for one in parsed) else parsed


def _has_command(parsed: Sequence[exp.Expr]) -> bool:
    return any(isinstance(statement, exp.Command) for statement in parsed)


def _leading(text: str) -> int:
    match = _LEADING_COMMENT.match(text)
    return match.end() if match else 0


def _first_word(text: str) -> str:
    match = _FIRST_WORD.match(text, _leading(text))
    return match.group().upper() if match else ""


def _json_members(text: str) -> Mapping[str, str]:
    """The members of the first JSON object in `text`, keys lower-cased."""
    for match in list(re.finditer(r"\{", text))[:5]:
        try:
            found: Any = json.JSONDecoder().raw_decode(text, match.start())[0]
        except (ValueError, RecursionError):
            continue
        return {str(key).strip().lower(): str(value) for key, value in found.items()}
    return {}


def _labelled_lines(text: str) -> Mapping[str, str]:
    stated: dict[str, str] = {}
    for label, value in vocabulary().labelled_line.findall(vocabulary().label_inside_line.sub("\n", text)):
        stated.setdefault(label.lower(), value.strip(" \t*_`\"'"))
    return stated


def _member(stated: Mapping[str, str], labels: Sequence[str]) -> str:
    return next((stated[label] for label in labels if stated.get(label)), "")


def _kind(value: str) -> str | None:
    lowered = value.lower()
    if _has_any(lowered, vocabulary().database_words):
        return "DATABASE"
    return "CHAT" if _has_any(lowered, vocabulary().chat_words) else None


def _confidence(value: str) -> float:
    """0..1 from `0.9`, `90%`, `９０％`, `9/10`, `[0.9]`, `90`; 0.5 when there is no number."""
    match = _NUMBER.search(unicodedata.normalize("NFKC", value))
    if match is None:
        return UNKNOWN_CONFIDENCE
    number, unit = float(match.group(1)), (match.group(2) or "").replace(" ", "")
    divisor = 100.0 if unit == "%" or (not unit and number >= 10) else float(unit[1:] or 1)
    return min(1.0, max(0.0, number / divisor))


def _has_any(text: str, marks: Sequence[str]) -> bool:
    return any(mark in text for mark in marks)
