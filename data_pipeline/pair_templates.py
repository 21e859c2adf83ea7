"""Question/SQL pairs about one table from templates: counts, lists, measures over time, categories and names.

Used by the offline texts; what does not run or gives no row is dropped by who asks for them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from common.messages import data_pipeline as texts
from data_pipeline.column_roles import (
    Role,
    column_role,
    column_title,
    is_level,
    label_noun,
    synonyms,
    table_noun,
)
from data_pipeline.identifiers import quote_name
from data_pipeline.samples import is_whole_number
from data_pipeline.schema_reader import BusinessTable, TableColumn
from data_pipeline.sql_text import (
    Periods,
    alias,
    is_usable_value,
    live,
    named,
    periods_of,
    relation,
    statement,
    value_condition,
)
from data_pipeline.text_writer import QuestionPair

_TOP: Final = 5
_LEADING_MEASURES: Final = ("sum", "total", "amount", "count")


@dataclass(frozen=True)
class Subject:
    """A table with its columns sorted by what they are for."""

    table: BusinessTable

    @cached_property
    def noun(self) -> str:
        return table_noun(self.table)

    @cached_property
    def live(self) -> str:
        return live(self.table)

    def having(self, role: Role) -> list[TableColumn]:
        """Its columns of a role, in order."""
        return [column for column in self.table.columns if column_role(column) == role]

    @cached_property
    def measures(self) -> list[TableColumn]:
        """Numbers, the ones that sum up the others first."""
        return sorted(self.having("measure"), key=lambda column: (not _leads(column), is_whole_number(column)))

    @cached_property
    def label(self) -> TableColumn | None:
        """The column that names its rows: the one that speaks of the table's own noun, else the first."""
        labels = self.having("label")
        return next((label for label in labels if self.noun in column_title(label)), labels[0] if labels else None)

    @cached_property
    def day(self) -> TableColumn | None:
        """The column that dates its rows."""
        return next((column for column in self.having("date") if column.newest), None)

    @cached_property
    def periods(self) -> Periods | None:
        return periods_of(self.day.newest) if self.day else None

    @cached_property
    def is_fact(self) -> bool:
        """Whether its rows are measurements rather than things."""
        return bool(self.measures)


def total(column: TableColumn, prefix: str = "") -> str:
    """What a measure comes to: a sum, or a mean for levels."""
    name = f"{prefix}.{quote_name(column.name)}" if prefix else quote_name(column.name)
    return f"AVG({name})" if is_level(column) else f"SUM({name})"


def total_title(column: TableColumn) -> str:
    """The output name of `total`."""
    title = column_title(column)
    if is_level(column):
        return texts.AVERAGE_OF.format(measure=title)
    return title if texts.TOTAL_WORD in title else texts.TOTAL_OF.format(measure=title)


def measure_words(column: TableColumn) -> list[str]:
    """What people call the measure: its title and synonyms."""
    return [column_title(column), *synonyms(column.comment)]


def pairs_about(subject: Subject) -> Iterator[QuestionPair]:
    """All pairs of one table, the most useful first."""
    if subject.is_fact:
        yield from _measure_pairs(subject)
    yield from _row_pairs(subject)


def _measure_pairs(subject: Subject) -> Iterator[QuestionPair]:
    for place, measure in enumerate(subject.measures[:4]):
        words = _cycle(measure_words(measure))
        if subject.day is not None and subject.periods is not None:
            yield from _over_time(subject, measure, words, subject.day, subject.periods, is_first=place == 0)
        else:
            yield from _timeless(subject, measure, words)


def _over_time(
    subject: Subject, measure: TableColumn, words: Iterator[str], day: TableColumn, periods: Periods, *, is_first: bool
) -> Iterator[QuestionPair]:
    value = f"{total(measure)} AS {alias(total_title(measure))}"
    source, live_only = relation(subject.table), subject.live
    name = quote_name(day.name)
    yield QuestionPair(
        texts.Q_TOTAL_OF_MONTH.format(month=periods.month.text, m=next(words)),
        statement([value], source, [periods.month.condition(day), live_only]),
    )
    for label in subject.having("label")[: 2 if is_first else 1]:
        yield from _ranked(subject, measure, next(words), label, day, periods)
    for category in _categories(subject)[:2]:
        yield QuestionPair(
            texts.Q_BY_CATEGORY.format(month=periods.month.text, c=column_title(category), m=next(words)),
            statement([named(category), value], source, [periods.month.condition(day), live_only],
                      group=quote_name(category.name)),
        )  # fmt: skip
    if not is_first:
        return
    yield QuestionPair(
        texts.Q_TOTAL_OF_DAY.format(day=periods.day.text, m=next(words)),
        statement([value], source, [periods.day.condition(day), live_only]),
    )
    yield from _trends(subject, value, words, name, day, periods)
    if (other := next((item for item in subject.measures[1:]), None)) is not None:
        both = f"{total(other)} AS {alias(total_title(other))}"
        question = texts.Q_MORE.format(month=periods.month.text, m=next(words), m2=measure_words(other)[0])
        yield QuestionPair(question, statement([value, both], source, [periods.month.condition(day), live_only]))


def _trends(
    subject: Subject, value: str, words: Iterator[str], name: str, day: TableColumn, periods: Periods
) -> Iterator[QuestionPair]:
    source = relation(subject.table)
    is_date = day.data_type.lower().startswith("date")
    day_name = name if is_date else f"{name}::date"
    title = alias(column_title(day))
    yield QuestionPair(
        texts.Q_BY_DAY.format(month=periods.month.text, m=next(words)),
        statement([f"{day_name} AS {title}", value], source, [periods.month.condition(day), subject.live],
                  group=day_name, order=title),
    )  # fmt: skip
    month = f"TO_CHAR({name}, 'YYYY-MM')"
    yield QuestionPair(
        texts.Q_BY_MONTH.format(year=periods.year.text, m=next(words)),
        statement([f"{month} AS {alias(texts.MONTH)}", value], source, [periods.year.condition(day), subject.live],
                  group=alias(texts.MONTH), order=alias(texts.MONTH)),
    )  # fmt: skip
    yield QuestionPair(
        texts.Q_LAST_DAYS.format(m=next(words)),
        statement([f"{day_name} AS {title}", value], source,
                  [f"{name} >= CURRENT_DATE - 7", f"{name} < CURRENT_DATE", subject.live],
                  group=day_name, order=title),
    )  # fmt: skip
    label = subject.label
    if label is not None and (sample := _sample(label)):
        yield QuestionPair(
            texts.Q_OF_VALUE.format(v=sample, month=periods.month.text, m=next(words)),
            statement([value], source, [value_condition(label, sample), periods.month.condition(day), subject.live]),
        )


def _ranked(
    subject: Subject, measure: TableColumn, word: str, label: TableColumn, day: TableColumn, periods: Periods
) -> Iterator[QuestionPair]:
    title = alias(total_title(measure))
    # the name of a part says little without the whole it belongs to
    names = [label, *(first for first in subject.having("label")[:1] if first != label)]
    for template, period in ((texts.Q_TOP_OF_DAY, periods.day), (texts.Q_TOP_OF_MONTH, periods.month)):
        yield QuestionPair(
            template.format(day=period.text, month=period.text, m=word, n=_TOP, label=label_noun(label)),
            statement([*map(named, names), f"{total(measure)} AS {title}"], relation(subject.table),
                      [period.condition(day), subject.live], group=", ".join(quote_name(name.name) for name in names),
                      order=f"{title} DESC NULLS LAST", limit=_TOP),
        )  # fmt: skip


def _timeless(subject: Subject, measure: TableColumn, words: Iterator[str]) -> Iterator[QuestionPair]:
    title = alias(total_title(measure))
    value = f"{total(measure)} AS {title}"
    source, live_only = relation(subject.table), subject.live
    yield QuestionPair(texts.Q_TOTAL.format(m=next(words)), statement([value], source, [live_only]))
    for category in _categories(subject)[:2]:
        question = texts.Q_BY_CATEGORY_ALWAYS.format(c=column_title(category), m=next(words))
        group = quote_name(category.name)
        yield QuestionPair(question, statement([named(category), value], source, [live_only], group=group))
    if subject.label is not None:
        yield QuestionPair(
            texts.Q_TOP.format(m=next(words), n=_TOP, label=label_noun(subject.label)),
            statement([named(subject.label), value], source, [live_only], group=quote_name(subject.label.name),
                      order=f"{title} DESC NULLS LAST", limit=_TOP),
        )  # fmt: skip


def _row_pairs(subject: Subject) -> Iterator[QuestionPair]:
    source, live_only, label = relation(subject.table), subject.live, subject.label
    template, title = (texts.Q_COUNT_ROWS, texts.ROW_COUNT) if subject.is_fact else (
        texts.Q_COUNT, texts.COUNT_OF.format(noun=subject.noun))  # fmt: skip
    count = f"COUNT(*) AS {alias(title)}"
    yield QuestionPair(template.format(noun=subject.noun), statement([count], source, [live_only]))
    if subject.is_fact:
        return
    shown = [column for column in [label, *subject.having("code")[:1]] if column is not None]
    if shown:
        question = texts.Q_LIST.format(noun=subject.noun, label=texts.AND.join(map(column_title, shown)))
        yield QuestionPair(question, statement(list(map(named, shown)), source, [live_only]))
    for category in _categories(subject):
        yield from _category_pairs(subject, category, shown, count)
    if label is not None and (value := _sample(label)):
        for other in [*subject.having("code"), *subject.having("category"), *subject.having("other")][:3]:
            yield QuestionPair(
                texts.Q_ATTRIBUTE.format(v=value, c=column_title(other)),
                statement([named(other)], source, [value_condition(label, value), live_only]),
            )


def _category_pairs(
    subject: Subject, category: TableColumn, shown: Sequence[TableColumn], count: str
) -> Iterator[QuestionPair]:
    source, title = relation(subject.table), column_title(category)
    yield QuestionPair(
        texts.Q_COUNT_BY_CATEGORY.format(c=title, noun=subject.noun),
        statement([named(category), count], source, [subject.live], group=quote_name(category.name)),
    )
    for value in list(filter(is_usable_value, category.enum_values))[:2]:
        conditions = [value_condition(category, value), subject.live]
        if shown:
            question = texts.Q_LIST_OF_VALUE.format(c=title, v=value, noun=subject.noun)
            yield QuestionPair(question, statement(list(map(named, shown)), source, conditions))
        question = texts.Q_COUNT_OF_VALUE.format(c=title, v=value, noun=subject.noun)
        yield QuestionPair(question, statement([count], source, conditions))


def _categories(subject: Subject) -> list[TableColumn]:
    return [column for column in subject.having("category") if column.enum_values]


def _sample(column: TableColumn) -> str:
    return next(filter(is_usable_value, (*column.enum_values, *column.samples)), "")


def _leads(column: TableColumn) -> bool:
    return texts.TOTAL_WORD in column_title(column) and column.name.lower().endswith(_LEADING_MEASURES)


def _cycle(words: Sequence[str]) -> Iterator[str]:
    while True:
        yield from words
