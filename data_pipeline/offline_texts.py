"""Texts without a model: comments as the catalogue has them, one theme a table, pairs from templates.

Fewer than a model writes, and none is kept that does not run and give rows. Built by `bootstrap`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Final

from common.messages import data_pipeline as texts
from data_pipeline.column_roles import column_title, may_be_enumeration
from data_pipeline.join_templates import pairs_over
from data_pipeline.pair_templates import Subject, pairs_about
from data_pipeline.schema_reader import BusinessTable
from data_pipeline.text_writer import (
    DescribedTable,
    FailedPair,
    QuestionPair,
    SchemaMaterial,
    TextOrder,
    Theme,
)

_NAMED_MEASURES: Final = 5
_SHARE_OF_JOINS: Final = 2


class OfflineTexts:
    """See the module and `PipelineTexts`; it never fails and needs nothing."""

    checks_by_running: Final = True
    can_repair: Final = False

    def describe(self, table: BusinessTable, order: TextOrder) -> DescribedTable:
        """The table as it is; short and numeric category columns may be enumerations."""
        return DescribedTable(table, tuple(column.name for column in table.columns if may_be_enumeration(column)))

    def themes(self, material: SchemaMaterial, order: TextOrder) -> list[Theme]:
        """One a table, link tables left out, with the tables it joins."""
        joins = material.joins
        themes: dict[str, Theme] = {}
        for table in material.tables:
            if table.full_name in material.links:
                continue
            parents = [join.parent.full_name for join in joins if join.child.full_name == table.full_name]
            theme = _theme(Subject(table), tuple(dict.fromkeys(parents)))
            name = theme.topic_name if theme.topic_name not in themes else f"{theme.topic_name} ({table.full_name})"
            themes[name] = Theme(name, theme.description, theme.related_tables, theme.biz_entities, theme.biz_metrics)
        return list(themes.values())

    def pairs(self, theme: Theme, material: SchemaMaterial, order: TextOrder) -> list[QuestionPair]:
        """Two of the table itself, then one over joins, in turns, as far as there are any; questions differ."""
        subject = Subject(material.by_name[theme.related_tables[0]])
        own = list(pairs_about(subject))
        joined = list(pairs_over(subject, material.joins, material.links))
        return list({pair.question: pair for pair in _in_turns(own, joined)}.values())

    def scope(self, themes: Sequence[Theme], material: SchemaMaterial, order: TextOrder) -> str:
        """The contract's page, made of the themes."""
        return scope_of(themes, order.business_context)

    def repair(
        self, failed: Sequence[FailedPair], material: SchemaMaterial, order: TextOrder
    ) -> list[str | None]:  # fmt: skip
        """Nothing: a pair that fails is left out."""
        return [None for _ in failed]


def scope_of(themes: Sequence[Theme], business_context: str) -> str:
    """`db_query_decision_prompt.txt` from themes alone (contract 5.5)."""
    entities = list(dict.fromkeys(entity for theme in themes for entity in theme.biz_entities))
    metrics = list(dict.fromkeys(metric for theme in themes for metric in theme.biz_metrics))
    subjects = texts.LIST_JOINER.join(entities[:_NAMED_MEASURES])
    return "\n".join(
        [
            texts.SCOPE_HEAD,
            texts.SCOPE_SENTENCE.format(context=business_context, subjects=subjects),
            texts.SCOPE_ENTITIES,
            *(texts.ENTITY_LINE.format(entity=entity) for entity in entities),
            texts.SCOPE_METRICS,
            *(texts.METRIC_LINE.format(metric=metric) for metric in metrics),
        ]
    )


def _theme(subject: Subject, parents: tuple[str, ...]) -> Theme:
    measures = tuple(map(column_title, subject.measures[:_NAMED_MEASURES]))
    entities = (subject.noun, *map(column_title, subject.having("label")[:2]))
    tables = (subject.table.full_name, *parents)
    if measures:
        description = texts.THEME_STATISTICS_TEXT.format(noun=subject.noun, measures=texts.LIST_JOINER.join(measures))
        return Theme(texts.THEME_STATISTICS.format(noun=subject.noun), description, tables, entities, measures)
    counted = (texts.COUNT_OF.format(noun=subject.noun),)
    description = texts.THEME_RECORDS_TEXT.format(noun=subject.noun)
    return Theme(texts.THEME_RECORDS.format(noun=subject.noun), description, tables, entities, counted)


def _in_turns(own: Sequence[QuestionPair], joined: Sequence[QuestionPair]) -> Iterator[QuestionPair]:
    groups = [own[start : start + _SHARE_OF_JOINS] for start in range(0, len(own), _SHARE_OF_JOINS)]
    for group, pair in zip_longest(groups, joined):
        yield from group or ()
        if pair is not None:
            yield pair
