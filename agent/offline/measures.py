"""Resolves what is computed: sums, averages, counts, quotients, shares and families of siblings. Used by `planner`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agent.offline.normalise import common_prefix, has_cjk
from agent.offline.plan import Aggregate, Measure, Plan, Refusal
from agent.offline.reading import Comparison, MeasureMention, Reading
from agent.offline.schema_index import IndexedColumn, SchemaIndex
from agent.offline.stems import with_stems
from common import messages

_PREFIX: dict[Aggregate, str] = {
    "sum": messages.OFFLINE_TITLE_SUM,
    "avg": messages.OFFLINE_TITLE_AVERAGE,
    "max": messages.OFFLINE_TITLE_HIGHEST,
    "min": messages.OFFLINE_TITLE_LOWEST,
    "count": "",
    "count_distinct": "",
    "listing": "",
}

_COUNTING = ("多少", "有多少", "几", "有几", "卖了", "收了", "收入多少")


class MeasureResolver:
    """Turns mentions into measures over one schema."""

    def __init__(self, index: SchemaIndex) -> None:
        self._index = index

    def tables_of(self, reading: Reading) -> list[str] | None:
        """The fact tables the question's measures live in, in order of mention; None when a word has no column."""
        tables: list[str] = []
        for mention in reading.measures:
            for column in self._columns_of(mention):
                if column is None:
                    return None
                if column.table not in tables:
                    tables.append(column.table)
        return tables

    def is_in(self, mention: MeasureMention, tables: set[str]) -> bool:
        return any(column is not None and column.table in tables for column in self._columns_of(mention))

    def _columns_of(self, mention: MeasureMention) -> list[IndexedColumn | None]:
        if mention.per_unit and not mention.derived:
            return [mention.columns[0], self._by_word(self._index.vocabulary.per_units[mention.per_unit][0])]
        if not mention.derived:
            return [mention.columns[0]]
        return [self._by_word(word) for word in self._index.vocabulary.derived[mention.derived]]

    def _by_word(self, word: str) -> IndexedColumn | None:
        for synonym in (word, *sorted(self._index.vocabulary.synonyms_of(word))):
            if columns := self._index.measures.get(synonym):
                return columns[0]
        return None

    def measures(self, plan: Plan, reading: Reading, mentions: Sequence[MeasureMention]) -> list[Measure] | Refusal:
        """All measures of one SELECT over the plan's base."""
        kept = _without_sort_keys(with_stems(mentions, reading, self.siblings, self._total_of), reading)
        if reading.is_superlative and not plan.dimensions and plan.bucket is None:
            extreme: Aggregate = "max" if reading.is_descending else "min"
            kept = [replace(m, aggregate=m.aggregate or extreme) for m in kept]
        if {"count", "records"} & reading.tags and not plan.dimensions and plan.bucket is None and not reading.counted:
            subjects = {comparison.subject for comparison in reading.comparisons}
            kept = [m for m in kept if m.position not in subjects]
        found = [self._one(plan, mention) for mention in kept]
        result = list({(m.aggregate, m.title, m.column and m.column.key): m for m in found if m}.values())
        if not result:
            result = self._counts(plan, reading)
        if not result:
            result = self.main_measures(plan, reading)
        if {"newest", "oldest"} & reading.tags and not mentions and plan.date_column is not None:
            is_newest = "newest" in reading.tags
            title = (
                messages.OFFLINE_TITLE_NEWEST if is_newest else messages.OFFLINE_TITLE_OLDEST
            ) + plan.date_column.title
            result = [Measure("max" if is_newest else "min", plan.date_column, title)]
        if "share" in reading.tags:
            return self._shares(plan, reading, result)
        return result

    def _one(self, plan: Plan, mention: MeasureMention) -> Measure | None:
        if mention.derived or mention.per_unit:
            top, bottom = self._columns_of(mention)
            if top is None or bottom is None:
                return None
            if top.table != bottom.table:
                column = top if top.table == plan.base else bottom
                return Measure("sum", column, messages.OFFLINE_TITLE_SUM + column.title)
            unit = self._index.vocabulary.per_units.get(mention.per_unit, ("", 1))[1]
            title = mention.derived or mention.per_unit + mention.text
            return Measure("sum", top, title, denominator=Measure("sum", bottom, ""), scale=unit)
        column = next((column for column in mention.columns if column.table == plan.base), mention.columns[0])
        aggregate: Aggregate = mention.aggregate or ("avg" if column.kind == "level" else "sum")
        is_name = has_cjk(mention.text) and not mention.text.startswith(_COUNTING)
        word = mention.text if is_name else column.title
        prefix = _PREFIX[aggregate]
        return Measure(aggregate, column, word if prefix in word and aggregate == "sum" else prefix + word)

    def _counts(self, plan: Plan, reading: Reading) -> list[Measure]:
        if (
            self._index.table(plan.base).is_fact
            and "records" not in reading.tags
            and "count" not in reading.tags
            and not reading.counted
        ):
            return []
        asked = {"count", "records", "share", "distribution"} & reading.tags or (
            plan.updated_only and not plan.measures
        )
        is_event = (
            "created" in reading.tags
            and plan.dimensions
            and "newest" not in reading.tags
            and "oldest" not in reading.tags
        )
        if not reading.counted:
            ranked = reading.rank_position >= 0 and (plan.dimensions or plan.bucket)
            return [Measure("count", None, messages.OFFLINE_TITLE_COUNT)] if asked or is_event or ranked else []
        result = []
        for mention in reading.counted:
            column = next((c for c in mention.columns if c.table == plan.base), None)
            is_fact = self._index.table(plan.base).is_fact
            title = (column or mention.columns[0]).concept + messages.OFFLINE_TITLE_COUNT
            if column is not None and (is_fact or column.role == "category" or "distinct" in reading.tags):
                result.append(Measure("count_distinct", column, title))
            elif column is None and (joined := self._joined(mention.columns)):
                result.append(Measure("count_distinct", joined, title))
            else:
                result.append(Measure("count", None, title))
        return result

    def main_measures(self, plan: Plan, reading: Reading) -> list[Measure]:
        """What a fact table is about when the question names no number: its only measure, or its totals."""
        table = self._index.table(plan.base)
        asked = {
            "share",
            "trend",
            "contrast",
            "rank",
            "distribution",
            "rank_desc",
            "rank_asc",
            "detail",
            "agg_sum",
            "agg_avg",
        } & reading.tags
        named = any(table in tables for _, tables in reading.tables)
        wants_amount = "amount" in reading.tags and bool(plan.dimensions)
        if not table.is_fact or not (asked or named or wants_amount):
            return []
        columns = list(table.with_role("measure"))
        totals = columns if len(columns) == 1 else [c for c in columns if any(self._total_of(o) == c for o in columns)]
        aggregate: Aggregate = "avg" if "agg_avg" in reading.tags else "sum"
        return [
            Measure(aggregate, c, _PREFIX[aggregate] + c.title.removeprefix(messages.OFFLINE_TITLE_SUM)) for c in totals
        ]

    def _joined(self, columns: Sequence[IndexedColumn]) -> IndexedColumn | None:
        return next((c for c in columns if (owner := self._index.owner(c.concept)) and owner.name == c.table), None)

    def _shares(self, plan: Plan, reading: Reading, measures: list[Measure]) -> list[Measure]:
        """占比 in its forms: of two measures, of one payment kind, of one value, of every group."""
        simple = [m for m in measures if not m.denominator]
        kinds = [(m, total) for m in simple if (total := self._total_of(m.column))]
        if len(kinds) > 1 and "and" in reading.tags:
            return [_quotient(m, Measure("sum", total, "")) for m, total in kinds]
        if len(simple) >= 2 and simple[0].column and simple[1].column and simple[0].table == simple[1].table:
            top, bottom = simple[0], simple[1]
            if self._total_of(top.column) is None and self._total_of(bottom.column) == top.column:
                top, bottom = bottom, top
            return [_quotient(top, bottom)]
        if not simple:
            return measures
        measure = simple[0]
        if total := self._total_of(measure.column):
            return [measure, _quotient(measure, Measure("sum", total, ""))]
        single = [f for f in plan.filters if len(f.values) == 1 and not f.is_excluded and f.column.role == "category"]
        single = [f for f in single if f.column.table == plan.base]
        if not single and not plan.dimensions and plan.bucket is None and measure.column is not None:
            single = [f for f in plan.filters if len(f.values) == 1 and not f.is_excluded]
            single = [f for f in single if f.column.role == "label"][:1]
        if single and not any(d.column.key == single[-1].column.key for d in plan.dimensions):
            return [replace(_quotient(measure, replace(measure, title="")), only=single[-1])]
        if plan.dimensions and measure.aggregate in ("sum", "count", "count_distinct"):
            return [measure, replace(measure, title=messages.OFFLINE_TITLE_SHARE, is_share=True, scale=100)]
        return measures

    def _total_of(self, column: IndexedColumn | None) -> IndexedColumn | None:
        """The column that adds up this one and its siblings, when it has siblings and is not the total itself."""
        if column is None:
            return None
        siblings = self.siblings(column)
        if column not in [sibling for _, sibling in siblings]:
            return None
        stems = {sibling.key for _, sibling in siblings}
        others = [
            c
            for c in self._index.table(column.table).with_role("measure")
            if c.kind == column.kind and c.key not in stems
        ]
        totals = [c for c in others if "总" in c.names.main or "total" in c.names.main or c.name.endswith("_sum")]
        return totals[0] if totals else None

    def siblings(self, column: IndexedColumn) -> list[tuple[str, IndexedColumn]]:
        """Measures of the same table and kind whose comments end alike, each with the stem that tells it apart."""
        table = self._index.table(column.table)
        group = [c for c in table.with_role("measure") if c.kind == column.kind and "总" not in c.names.main]
        if len(group) < 2:
            return []
        ending = common_prefix([c.names.main[::-1] for c in group])[::-1]
        if len(ending) < 2:
            return []
        return [(c.names.main[: -len(ending)], c) for c in group if len(c.names.main) > len(ending)]

    def family(self, base: str, reading: Reading) -> list[Measure]:
        """All siblings of the kind asked for: of money when nothing else is said."""
        asked = [column for m in reading.measures for column in m.columns if column.table == base and not m.derived]
        totals = [c for c in asked if "总" in c.names.main] or asked
        kind = totals[0].kind if totals else "amount"
        any_column = next(
            (c for c in self._index.table(base).with_role("measure") if c.kind == kind and "总" not in c.names.main),
            None,
        )
        aggregate: Aggregate = next((m.aggregate for m in reading.measures if m.aggregate), "sum")
        return [Measure(aggregate, c, stem) for stem, c in self.siblings(any_column)] if any_column else []

    def subject(
        self, plan: Plan, reading: Reading, comparison: Comparison, measures: Sequence[Measure]
    ) -> Measure | None:
        """The measure a comparison is about."""
        if comparison.subject >= 0:
            token = reading.tokens[comparison.subject]
            if token.is_word("share") or comparison.is_percent:
                return self._share_before(comparison, reading, measures)
            if token.kind == "concept":
                counts = [m for m in measures if m.aggregate in ("count", "count_distinct")]
                return counts[0] if counts else None
            for mention in reading.measures:
                if mention.position == comparison.subject:
                    return self._one(plan, mention)
        shares = [m for m in measures if m.denominator]
        if comparison.is_percent:
            return shares[0] if shares else None
        return measures[0] if measures else None

    def _share_before(self, comparison: Comparison, reading: Reading, measures: Sequence[Measure]) -> Measure | None:
        """The share a percentage is about: that of the measure said last before it."""
        shares = [m for m in measures if m.denominator or m.is_share]
        said = [m for m in reading.measures if m.position < comparison.position]
        for mention in reversed(said):
            for share in shares:
                if share.column in mention.columns:
                    return share
        return shares[0] if shares else None


def _quotient(top: Measure, bottom: Measure) -> Measure:
    title = top.title.removeprefix(messages.OFFLINE_TITLE_SUM) + messages.OFFLINE_TITLE_RATE
    return replace(top, title=title, denominator=bottom, scale=100)


def _without_sort_keys(mentions: Sequence[MeasureMention], reading: Reading) -> list[MeasureMention]:
    """Drop what only repeats a measure to sort by it: 各公司日均收入排名, 按收入从高到低."""
    kept: list[MeasureMention] = []
    for mention in mentions:
        position = mention.position
        before = reading.tokens[position - 1] if position else None
        sorts = before is not None and before.is_word("group") and before.text in ("按", "按照", "依据", "by")
        if sorts and any(set(other.columns) & set(mention.columns) for other in kept):
            continue
        kept.append(mention)
    return kept
