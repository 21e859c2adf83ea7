"""Reads what a model wrote for the pipeline. A reply is hostile text: everything is bounded, checked and flattened."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from common.messages import data_pipeline as texts
from data_pipeline.errors import PipelineError
from data_pipeline.identifiers import one_line
from data_pipeline.text_writer import QuestionPair, Theme

_FENCED: Final = re.compile(r"```(?:json)?[ \t]*\n(.*?)```", re.DOTALL | re.IGNORECASE)
MAX_COMMENT: Final = 200
_MAX_TOPIC: Final = 100
_MAX_DESCRIPTION: Final = 500
_MAX_WORD: Final = 100
_MAX_WORDS: Final = 20
_MAX_QUESTION: Final = 500
_MAX_SQL: Final = 20_000
_MAX_ITEMS: Final = 200


def read_json(text: str) -> Any:
    """The first fenced block, or the whole reply, as JSON.

    Raises:
        PipelineError: it is none.
    """
    match = _FENCED.search(text)
    try:
        return json.loads((match[1] if match else text).strip())
    except (ValueError, RecursionError):
        raise unusable(texts.REPLY_NOT_JSON) from None


def read_comments(reply: Any) -> tuple[str, dict[str, tuple[str, bool]]]:
    """The table's comment and, by column name, comment and whether it looks like an enumeration."""
    if not isinstance(reply, Mapping):
        raise unusable(texts.REPLY_WRONG_SHAPE)
    columns: dict[str, tuple[str, bool]] = {}
    for item in _items(reply, "columns"):
        if isinstance(item, Mapping) and isinstance(item.get("name"), str):
            columns[item["name"]] = (_text(item.get("comment"), MAX_COMMENT), item.get("is_enum") is True)
    return _text(reply.get("table_comment"), MAX_COMMENT), columns


def read_themes(reply: Any, known: Mapping[str, str]) -> list[Theme]:
    """Themes with a name, a description and at least one table that is there; others are dropped.

    Args:
        known: full names of the tables by every name they may be called.
    """
    themes: dict[str, Theme] = {}
    for item in _items(reply, "themes"):
        if not isinstance(item, Mapping):
            continue
        topic = _text(item.get("topic_name") or item.get("name"), _MAX_TOPIC)
        description = _text(item.get("description"), _MAX_DESCRIPTION)
        named = _words(item.get("related_tables"))
        tables = tuple(dict.fromkeys(known[name.lower()] for name in named if name.lower() in known))
        if topic and description and tables:
            entities, metrics = _words(item.get("biz_entities")), _words(item.get("biz_metrics"))
            themes.setdefault(topic, Theme(topic, description, tables, entities, metrics))
    return list(themes.values())


def read_pairs(reply: Any) -> list[QuestionPair]:
    """Pairs with both parts, each question once."""
    pairs: dict[str, QuestionPair] = {}
    for item in _items(reply, "pairs"):
        if isinstance(item, Mapping):
            question, sql = _text(item.get("question"), _MAX_QUESTION), _sql(item.get("sql"))
            if question and sql:
                pairs.setdefault(question, QuestionPair(question, sql))
    if not pairs:
        raise unusable(texts.REPLY_WRONG_SHAPE)
    return list(pairs.values())


def read_repairs(reply: Any, count: int) -> list[str | None]:
    """One SQL or None for each of `count`.

    Raises:
        PipelineError: the reply has another number of them.
    """
    repaired = _items(reply, "repaired_sqls")
    if len(repaired) != count:
        raise unusable(texts.REPLY_WRONG_SHAPE)
    return [_sql(item) or None for item in repaired]


def unusable(detail: str) -> PipelineError:
    """The error for a reply that cannot be used."""
    return PipelineError(texts.MODEL_REPLY_UNUSABLE.format(detail=detail))


def _items(reply: Any, key: str) -> list[Any]:
    """The list under `key`, or the reply itself when it is one."""
    found = reply.get(key) if isinstance(reply, Mapping) else reply
    if not isinstance(found, list):
        raise unusable(texts.REPLY_WRONG_SHAPE)
    return found[:_MAX_ITEMS]


def _text(value: Any, limit: int) -> str:
    return one_line(value, limit) if isinstance(value, str) else ""


def _sql(value: Any) -> str:
    """SQL as written; too long a text is none, because half a statement is another one."""
    return value.strip() if isinstance(value, str) and len(value) <= _MAX_SQL and "\0" not in value else ""


def _words(value: Any) -> tuple[str, ...]:
    words = value if isinstance(value, list) else []
    return tuple(dict.fromkeys(text for word in words[:_MAX_WORDS] if (text := _text(word, _MAX_WORD))))
