"""Builds relations from the business schema: groups tables of one shape, names and classifies their columns."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from common.business_schema import BusinessSchema, Column, Join, Table
from offline.column_roles import Described, date_format_of, kind_of, role_of
from offline.legends import legend_of
from offline.naming import read_comment
from offline.products import with_product
from offline.relations import Field, Kind, Member, Relation, Role
from offline.text import common_prefix, fold, has_cjk, identifier_words, words_of
from offline.vocabulary import Vocabulary

_LEAST_SHARED = 2
_CODED = frozenset({"category", "measure", "rate", "ordinal", "code", "text"})
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True)
class _Context:
    """What columns are read with: `prefix` is what all tables begin with, `references` are declared foreign keys."""

    vocabulary: Vocabulary
    prefix: str
    references: frozenset[tuple[str, str, str]]


@dataclass(frozen=True)
class _Group:
    tables: tuple[Table, ...]
    parts: tuple[str, ...]
    shared: str


def build_relations(schema: BusinessSchema, vocabulary: Vocabulary) -> list[Relation]:
    """All relations, numbered in order."""
    counts = Counter(table.name for table in schema.tables)
    first = schema.tables[0].schema if schema.tables else ""
    prefix = shared_prefix([table.name for table in schema.tables])
    context = _Context(vocabulary, prefix, _references(schema.joins))
    relations = []
    for number, group in enumerate(_groups(schema.tables)):
        members = tuple(
            Member(table.schema, table.name, part, counts[table.name] > 1 and table.schema != first)
            for table, part in zip(group.tables, group.parts, strict=True)
        )
        relations.append(_relation(number, group, members, context))
    return relations


def _references(joins: Iterable[Join]) -> frozenset[tuple[str, str, str]]:
    """Schema, table and name of the columns that a declared foreign key makes refer to another row."""
    pairs = [(join, name) for join in joins for name in (join.column, *(source for source, _ in join.more))]
    return frozenset((join.schema, join.table, name) for join, name in pairs)


def shared_prefix(names: Sequence[str]) -> str:
    """The beginning that at least four in five tables share, up to a separator or short: `bss_`, `sb`; else empty."""
    if len(names) < 3:
        return common_word_prefix(list(names))
    heads = Counter(match[0] for name in names if (match := re.match(r"[A-Za-z]{1,6}_", name)))
    if heads and (most := heads.most_common(1)[0])[1] >= 0.8 * len(names):
        return most[0]
    return common_word_prefix(list(names))


def common_word_prefix(names: list[str]) -> str:
    """What all names begin with, when something is left of each."""
    prefix = common_prefix(sorted(name.casefold() for name in names))
    if len(prefix) < 2 or has_cjk(prefix):
        return ""
    return prefix if all(len(name) - len(prefix) >= 2 for name in names) else ""


def _groups(tables: Sequence[Table]) -> list[_Group]:
    """Tables of one shape whose names differ in one part stand together; every other table is alone."""
    shapes: dict[tuple[object, ...], list[Table]] = defaultdict(list)
    for table in tables:
        shapes[(table.schema, *((column.name, column.data_type) for column in table.columns))].append(table)
    groups: dict[str, _Group] = {}
    for alike in shapes.values():
        family = _family(alike) if len(alike) > 1 and len(alike[0].columns) > 2 else None
        for table in alike:
            alone = _Group((table,), ("",), table.name)
            groups[f"{table.schema}.{table.name}"] = family if family else alone
    seen = {id(group): group for table in tables if (group := groups[f"{table.schema}.{table.name}"])}
    return list(seen.values())


def _family(tables: list[Table]) -> _Group | None:
    words = [[word.text for word in words_of(fold(table.name.replace("_", " ")))] for table in tables]
    head = _shared_words(words)
    tail = _shared_words([list(reversed(name[head:])) for name in words])
    parts = [name[head : len(name) - tail] for name in words]
    shared = "".join(words[0][:head] + words[0][len(words[0]) - tail :])
    if len(shared) < _LEAST_SHARED or not all(parts) or len({tuple(part) for part in parts}) < len(parts):
        return None
    return _Group(
        tuple(tables), tuple("".join(part) if has_cjk("".join(part)) else " ".join(part) for part in parts), shared
    )


def _shared_words(names: list[list[str]]) -> int:
    shortest = min(map(len, names))
    return next((i for i in range(shortest) if len({name[i] for name in names}) > 1), shortest)


def _relation(number: int, group: _Group, members: tuple[Member, ...], context: _Context) -> Relation:
    table, prefix, vocabulary = group.tables[0], context.prefix, context.vocabulary
    comment = read_comment(table.comment)
    name = group.shared if len(members) > 1 else table.name
    bare = name[len(prefix) :] if prefix and name.casefold().startswith(prefix) else name
    stem = tuple(identifier_words(bare)) or (bare,)
    relation = Relation(number, members, comment.headline or " ".join(identifier_words(name)), stem, table.comment)
    relation.fields = _fields(number, group.tables, stem, context)
    relation.fields = with_product(relation, vocabulary)
    relation.years = {int(found[0]): member for member in members if (found := _YEAR.search(member.part))}
    if relation.years:
        relation.member_values = {
            (table.name, column.name): frozenset(column.values)
            for table in group.tables
            for column in table.columns
            if column.values
        }
    return relation


def _fields(number: int, tables: tuple[Table, ...], stem: tuple[str, ...], context: _Context) -> tuple[Field, ...]:
    columns = tables[0].columns if len(tables) == 1 else [_merged(tables, i) for i in range(len(tables[0].columns))]
    cut = column_prefix([column.name for column in columns], stem)
    owner = (tables[0].schema, tables[0].name)
    return tuple(
        _field(number, column, cut, context.vocabulary, refers=(*owner, column.name) in context.references)
        for column in columns
    )


def column_prefix(names: Sequence[str], table_stem: tuple[str, ...]) -> str:
    """What all columns of a table begin with, so that it says nothing: `sbTx`, `emp_`."""
    if len(names) < 3:
        return ""
    prefix = common_prefix(sorted(name.casefold() for name in names))
    if "_" in prefix:
        prefix = prefix[: prefix.rindex("_") + 1]
    if len(prefix) < 2 or has_cjk(prefix) or any(len(name) - len(prefix) < 2 for name in names):
        return ""
    return prefix


def _merged(tables: tuple[Table, ...], place: int) -> Column:
    """The column of a family: the values of all members; unique when it is in each of them."""
    columns = [table.columns[place] for table in tables]
    values = sorted({value for column in columns for value in column.values})
    first = columns[0]
    return Column(
        first.name, first.data_type, first.comment, first.is_nullable, first.is_primary_key, tuple(values),
        all(column.is_unique for column in columns),
    )  # fmt: skip


def _role(described: Described, kind: Kind, vocabulary: Vocabulary, *, has_format: bool, refers: bool) -> Role:
    """The role by name and type; a number under a declared foreign key is a reference whatever it is called."""
    role = role_of(described, kind, vocabulary, has_format=has_format)
    return "reference" if refers and kind in ("integer", "number") and role not in ("key", "audit") else role


def _field(number: int, column: Column, cut: str, vocabulary: Vocabulary, *, refers: bool) -> Field:
    comment = read_comment(column.comment)
    bare = column.name[len(cut) :] if cut else column.name
    stem = tuple(identifier_words(bare)) or (bare,)
    described = Described(column, stem, comment.headline or (column.name if has_cjk(column.name) else ""))
    kind = kind_of(column)
    written = date_format_of(described, kind)
    role = _role(described, kind, vocabulary, has_format=bool(written), refers=refers)
    title = comment.headline or (column.name if has_cjk(column.name) else " ".join(identifier_words(bare)))
    legend = dict(legend_of(column.comment)[1]) if role in _CODED else {}
    if legend and set(column.values) <= set(legend):
        role = "category"
    else:
        legend = {}
    return Field(number, column, kind, role, title, stem, column.values, written, legend)
