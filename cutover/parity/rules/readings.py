"""General predicates and readings of JSON values and texts that conditions of rows are made of."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import sqlglot
from sqlglot import errors, exp

from cutover.parity.compare import PAIR_FILE, TASK_TIME

COMMA_LAST = re.compile(r"^(?P<code>.*?)\s+-- (?P<comment>.*),$")
COMMA_FIRST = re.compile(r"^(?P<code>.*?),\s+-- (?P<comment>.*)$")
CREATED_AT = re.compile(r"生成时间: \d{4}-\d\d-\d\d \d\d:\d\d:\d\d|数据库: \S+")
RFC_DATE = re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT")
STAMPED_OWNER = re.compile(r"(.*):\d{17}", re.DOTALL)


def matches(pattern: str | None, text: str) -> bool:
    return pattern is not None and re.fullmatch(pattern, text, re.DOTALL) is not None


def search(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def group(pattern: str, text: str) -> str | None:
    """The first group of a pattern of the whole text; None when it does not match."""
    found = re.fullmatch(pattern, text, re.DOTALL)
    return found[1] if found else None


def whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def scalar(value: Any) -> bool:
    """A number other than 0, or true."""
    return isinstance(value, int | float) and bool(value)


def plain(value: Any) -> str:
    """A scalar as the text it stands for."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_number(text: Any, default: int) -> int:
    """A whole number out of a query parameter, the default where it is none."""
    try:
        return int(text)
    except (TypeError, ValueError):
        return default


def storable(text: str) -> bool:
    """Whether PostgreSQL keeps the text: no NUL, no half of a surrogate pair."""
    return re.search("[\0\ud800-\udfff]", text) is None


def is_query(sql: str) -> bool:
    """Whether PostgreSQL's dialect reads the text as one SELECT or WITH query that neither writes nor locks."""
    head = re.match(r"(?:\s|\(|--[^\n]*(?:\n|$)|/\*.*?\*/)*(\w*)", sql, re.DOTALL)
    if head is None or head[1].lower() not in ("select", "with"):
        return False
    try:
        trees = [tree for tree in sqlglot.parse(sql, read="postgres") if tree is not None]
    except (errors.SqlglotError, RecursionError):
        return False
    is_one = len(trees) == 1 and isinstance(trees[0], exp.Query)
    return is_one and trees[0].find(exp.Into, exp.Lock, exp.DML, exp.Merge) is None


def owner_of(conversation: str) -> str:
    """The user in a conversation's id: all before its time, else before the first colon, else `unknown`."""
    stamped = STAMPED_OWNER.fullmatch(conversation)
    owner, colon, _ = conversation.partition(":")
    return stamped[1] if stamped else owner if colon else "unknown"


def title_of(question: str) -> str:
    """A question as a title: 50 characters, the last three of a longer one are dots."""
    text = question.strip()
    return text if len(text) <= 50 else f"{text[:47]}..."


def rfc_date(value: Any) -> datetime | None:
    return parsedate_to_datetime(value) if isinstance(value, str) and RFC_DATE.fullmatch(value) else None


def iso_date(value: Any) -> datetime | None:
    """The moment of an ISO text, which is UTC where it names no zone."""
    try:
        shown = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return shown if shown.tzinfo else shown.replace(tzinfo=UTC)


def paged_total(data: Mapping[str, Any]) -> int:
    """The total of a list whose paging agrees with it and with the records shown; -1 when it does not."""
    paged, records = data.get("pagination", {}), data.get("records", [])
    total, size, page = paged.get("total", -1), paged.get("page_size", 1), paged.get("page", 0)
    pages = -(-total // size)
    is_counted = paged.get("total_pages") == pages and paged.get("has_next") is (page < pages)
    has_previous = paged.get("has_prev") in (page > 1, False if total == 0 else page > 1)
    is_shown = len(records) == max(0, min(size, total - (page - 1) * size))
    return int(total) if is_counted and has_previous and is_shown else -1


def paged_as(paged: Mapping[str, Any], shown: Sequence[Any], page: int, size: int) -> bool:
    """Whether this paging is that of page `page` in pages of `size`, with as many rows shown."""
    total, pages = paged["total"], math.ceil(paged["total"] / size)
    is_asked = (paged["page"], paged["page_size"], paged["total_pages"]) == (page, size, pages)
    is_shown = len(shown) == max(0, min(size, total - (page - 1) * size))
    return is_asked and is_shown and paged["has_next"] is (page < pages) and paged["has_prev"] is (page > 1)


def ddl_lines(text: str) -> list[tuple[str, str, bool]]:
    """Code and comment of each line, and whether a comma stands between or after them."""
    found = []
    for line in text.splitlines():
        match = COMMA_LAST.match(line) or COMMA_FIRST.match(line)
        code, _, comment = line.partition(" -- ")
        found.append((match["code"].rstrip(), match["comment"], True) if match else (code.rstrip(), comment, False))
    return found


def ddl_columns(text: str) -> list[tuple[str, str]]:
    """Code and comment of each line, wherever the comma stands; a comment names the primary key once."""
    lines: list[tuple[str, str]] = []
    for line in text.split("\n"):
        match = None if line.startswith("--") else (COMMA_FIRST.match(line) or COMMA_LAST.match(line))
        code, _, comment = line.partition(" -- ")
        code, comment = (f"{match['code']},", match["comment"]) if match else (code.rstrip(), comment)
        lines.append((code, comment.replace("主键，主键", "主键")))
    return lines


def commas_come_first(text: str) -> bool:
    return not any(COMMA_LAST.match(line) for line in text.split("\n") if not line.startswith("--"))


def statement(text: str) -> str:
    """SQL without times, layout and what marks an array literal."""
    return re.sub(r"\s+", "", CREATED_AT.sub("#", text)).replace("'{", "'").replace("}'", "'").replace('"', "")


def first(values: Iterable[Any]) -> Any:
    return next(iter(values), None)


READINGS: Mapping[str, Any] = {
    **{one.__name__: one for one in (
        matches, search, group, whole, number, scalar, plain, read_number, storable, is_query, owner_of, title_of,
        rfc_date, iso_date, paged_as, ddl_lines, ddl_columns, commas_come_first, statement, first,
    )},
    "count": Counter,
    "composite": lambda value: isinstance(value, list | dict),
    "is_text": lambda value: isinstance(value, str),
    "is_object": lambda value: isinstance(value, Mapping),
    "is_list": lambda value: isinstance(value, list),
    "is_truth": lambda value: isinstance(value, bool),
    "is_number": lambda value: isinstance(value, int),
    "is_number_or_truth": lambda value: isinstance(value, int | float),
    "is_fraction": lambda value: isinstance(value, float),
    "not_a_number": lambda value: isinstance(value, float) and math.isnan(value),
    "spelt": json.dumps,
    "worded": lambda value: value if isinstance(value, str) else json.dumps(value),
    "json_of": json.loads,
    "substituted": re.sub,
    "escaped": re.escape,
    "rounded": lambda value: round(value, 2),
    "once": lambda values: list(dict.fromkeys(values)),
    "pairs": lambda old, new: list(zip(old, new, strict=False)),
    "numbered": lambda values: list(enumerate(values)),
    "descending": lambda values: list(values) == sorted(values, reverse=True),
    "has_control": lambda text: any(ord(one) < 32 and one not in "\t\n\r\f" for one in text),
    "file_kind": lambda name: PAIR_FILE.sub("", TASK_TIME.sub("#", name)),
}  # fmt: skip
"""The functions that every row may use, by name."""
