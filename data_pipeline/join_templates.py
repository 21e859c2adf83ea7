"""Question/SQL pairs over several tables: children of a parent, measures by parent and grandparent, links between two.

Used by the offline texts, like `pair_templates`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from common.messages import data_pipeline as texts
from data_pipeline.column_roles import label_noun
from data_pipeline.identifiers import quote_name
from data_pipeline.join_paths import Join
from data_pipeline.pair_templates import Subject, measure_words, total, total_title
from data_pipeline.schema_reader import TableColumn
from data_pipeline.sql_text import alias, is_usable_value, live, named, relation, statement, value_condition
from data_pipeline.text_writer import QuestionPair

_TOP = 5


def pairs_over(subject: Subject, joins: Sequence[Join], links: Collection[str]) -> Iterator[QuestionPair]:
    """Pairs that join this table with its parents, their parents, and through link tables.

    Args:
        links: full names of the tables that only connect others.
    """
    mine = [join for join in joins if join.child.full_name == subject.table.full_name]
    for join in mine:
        parent = Subject(join.parent)
        if parent.label is None:
            continue
        if subject.is_fact:
            yield from _measured(subject, [join])
            for further in joins:
                if further.child.full_name == parent.table.full_name and Subject(further.parent).label is not None:
                    yield from _measured(subject, [join, further])
        else:
            yield from _children(subject, join, parent.label)
    if not subject.is_fact:
        yield from _linked(subject, joins, links)


def _source(path: Sequence[Join]) -> tuple[str, list[str]]:
    """FROM of a path upwards (tables t1, t2, ...) and the conditions that leave deleted rows out."""
    source = f"{relation(path[0].child)} t1"
    conditions = [live(path[0].child, "t1")]
    for place, join in enumerate(path, start=2):
        source += (
            f" JOIN {relation(join.parent)} t{place} ON t{place - 1}.{quote_name(join.child_column)}"
            f" = t{place}.{quote_name(join.parent_column)}"
        )
        conditions.append(live(join.parent, f"t{place}"))
    return source, conditions


def _measured(subject: Subject, path: Sequence[Join]) -> Iterator[QuestionPair]:
    top = Subject(path[-1].parent)
    label = top.label
    if label is None:
        return
    prefix = f"t{len(path) + 1}"
    source, conditions = _source(path)
    for measure in subject.measures[:1]:
        words = measure_words(measure)
        title = alias(total_title(measure))
        columns = [named(label, prefix), f"{total(measure, 't1')} AS {title}"]
        group, order = f"{prefix}.{quote_name(label.name)}", f"{title} DESC NULLS LAST"
        if subject.day is None or subject.periods is None:
            question = texts.Q_JOIN_TOTAL_ALWAYS.format(parent=top.noun, m=words[-1])
            yield QuestionPair(question, statement(columns, source, conditions, group=group, order=order))
            continue
        month = subject.periods.month
        conditions = [month.condition(subject.day, "t1"), *conditions]
        yield QuestionPair(
            texts.Q_JOIN_TOTAL.format(month=month.text, parent=top.noun, m=words[0]),
            statement(columns, source, conditions, group=group, order=order),
        )
        yield QuestionPair(
            texts.Q_JOIN_TOP.format(month=month.text, m=words[min(1, len(words) - 1)], n=_TOP, parent=top.noun),
            statement(columns, source, conditions, group=group, order=order, limit=_TOP),
        )


def _children(subject: Subject, join: Join, parent_label: TableColumn) -> Iterator[QuestionPair]:
    source, conditions = _source([join])
    title = alias(texts.COUNT_OF.format(noun=subject.noun))
    yield QuestionPair(
        texts.Q_JOIN_COUNT.format(parent=Subject(join.parent).noun, noun=subject.noun),
        statement([named(parent_label, "t2"), f"COUNT(*) AS {title}"], source, conditions,
                  group=f"t2.{quote_name(parent_label.name)}", order=f"{title} DESC NULLS LAST"),
    )  # fmt: skip
    if subject.label is None:
        return
    for value in list(filter(is_usable_value, parent_label.samples))[:2]:
        yield QuestionPair(
            texts.Q_JOIN_LIST.format(v=value, noun=subject.noun),
            statement([named(subject.label, "t1")], source, [value_condition(parent_label, value, "t2"), *conditions]),
        )


def _linked(subject: Subject, joins: Sequence[Join], links: Collection[str]) -> Iterator[QuestionPair]:
    """Through a link table: from the names of the other side to this table's."""
    if subject.label is None:
        return
    here = [
        join for join in joins if join.parent.full_name == subject.table.full_name and join.child.full_name in links
    ]
    for near in here:
        for far in joins:
            other = Subject(far.parent)
            is_other_side = (
                far.child.full_name == near.child.full_name and other.table.full_name != subject.table.full_name
            )
            if is_other_side and other.label is not None:
                yield from _through(subject, subject.label, near, far, other.label)


def _through(
    subject: Subject, label: TableColumn, near: Join, far: Join, other_label: TableColumn
) -> Iterator[QuestionPair]:
    source = (
        f"{relation(far.parent)} t1 JOIN {relation(far.child)} t2"
        f" ON t2.{quote_name(far.child_column)} = t1.{quote_name(far.parent_column)}"
        f" JOIN {relation(near.parent)} t3"
        f" ON t2.{quote_name(near.child_column)} = t3.{quote_name(near.parent_column)}"
    )
    conditions = [live(far.parent, "t1"), live(far.child, "t2"), live(near.parent, "t3")]
    title = alias(texts.COUNT_OF.format(noun=subject.noun))
    yield QuestionPair(
        texts.Q_LINK_COUNT.format(parent=label_noun(other_label), noun=subject.noun),
        statement([named(other_label, "t1"), f"COUNT(*) AS {title}"], source, conditions,
                  group=f"t1.{quote_name(other_label.name)}", order=f"{title} DESC NULLS LAST"),
    )  # fmt: skip
    for value in list(filter(is_usable_value, other_label.samples))[:2]:
        question = texts.Q_LINK_LIST.format(v=_with_noun(value, label_noun(other_label)), noun=subject.noun)
        yield QuestionPair(
            question,
            statement([named(label, "t3")], source, [value_condition(other_label, value, "t1"), *conditions]),
        )


def _with_noun(value: str, noun: str) -> str:
    """A name with what it names, unless it says so itself (its last character tells: `...区` of a `...区`)."""
    return value if not noun or value.endswith(noun[-1]) else f"{value}{noun}"
