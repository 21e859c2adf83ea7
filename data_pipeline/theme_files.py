"""The files that describe themes: loadable `metadata.txt`, `metadata_detail.md`. Formats: contract 5.5."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from common.messages import data_pipeline as texts
from data_pipeline.identifiers import one_line
from data_pipeline.text_writer import Theme

_LONGEST_TOPIC: Final = 100
_EXAMPLES: Final = 2
_INSERT: Final = """INSERT INTO metadata(topic_name, description, related_tables, biz_entities, biz_metrics) VALUES
(
  {topic},
  {description},
  {tables},
  {entities},
  {metrics}
);
"""


def render_metadata(themes: Sequence[Theme], *, business_context: str, database: str, created: str) -> str:
    """SQL that makes the table and inserts every theme; arrays are array literals, every text is quoted."""
    head = texts.METADATA_SQL_HEAD.format(
        context=one_line(business_context), created=created, database=one_line(database)
    )
    return head + "\n".join(_insert(theme) for theme in themes)


def render_metadata_document(themes: Sequence[Theme]) -> str:
    """The documentation page of that table, with examples from the themes."""
    shown = themes[:_EXAMPLES]
    return texts.METADATA_DOCUMENT.format(
        topics=_examples(theme.topic_name for theme in shown),
        descriptions=_examples(theme.description for theme in shown),
        tables=_examples(name.removeprefix("public.") for theme in shown for name in theme.related_tables),
        entities=_examples(entity for theme in shown for entity in theme.biz_entities),
        metrics=_examples(metric for theme in shown for metric in theme.biz_metrics),
    )


def _insert(theme: Theme) -> str:
    return _INSERT.format(
        topic=_literal(one_line(theme.topic_name, _LONGEST_TOPIC)),
        description=_literal(one_line(theme.description)),
        tables=_array(name.removeprefix("public.") for name in theme.related_tables),
        entities=_array(theme.biz_entities),
        metrics=_array(theme.biz_metrics),
    )


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _array(items: Iterable[str]) -> str:
    """An array literal; every element that is not a plain word is quoted in it."""
    elements = []
    for item in map(one_line, items):
        is_plain = bool(item) and not any(character in item for character in ' ,{}"\\') and item.lower() != "null"
        elements.append(item if is_plain else '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"')
    return _literal("{" + ",".join(elements) + "}")


def _examples(items: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(map(one_line, items)))
