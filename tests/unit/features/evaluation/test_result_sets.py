"""When two result sets are the same answer."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.evaluation.result_sets import Group, ReferenceRows, comparable, figures_agree, match, unordered

Rows = list[tuple[Any, ...]]


def ordered(rows: Sequence[tuple[Any, ...]]) -> ReferenceRows:
    return ReferenceRows(rows, [Group(1, [row]) for row in rows])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, Decimal("1.004")),
        (0.125, Decimal("0.13")),
        (Decimal("-0.001"), 0),
        (2.675, "2.675"),
        ("12.50", 12.5),
        (date(2025, 1, 2), "2025-01-02"),
        (datetime(2025, 1, 2), date(2025, 1, 2)),
        (None, None),
        ("a  ", "a"),
        (True, "true"),
        ({"b": 1, "a": 2}, '{"a": 2, "b": 1}'),
        (1e300, 1e300),
    ],
)
def test_same_value(one: Any, other: Any) -> None:
    assert comparable(one) == comparable(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, 1.01),
        ("007", 7),
        ("1,000", 1000),
        (None, 0),
        (None, ""),
        (None, "None"),
        (True, 1),
        (datetime(2025, 1, 2, 3, tzinfo=UTC), date(2025, 1, 2)),
        (float("nan"), 0),
    ],
)
def test_other_value(one: Any, other: Any) -> None:
    assert comparable(one) != comparable(other)


@pytest.mark.parametrize(
    ("reference", "ours", "expected"),
    [
        ([(1, "a"), (2, "b")], [("b", 2), ("a", 1)], "exact"),
        ([(1, "a"), (2, "b")], [(1, "b"), (2, "a")], None),
        ([(1,), (1,), (2,)], [(1,), (2,), (2,)], None),
        ([(1,), (1,)], [(1,)], None),
        ([("a",)], [("a", 7)], "soft"),
        ([("a", 7)], [("a",)], None),
        ([(1, 1)], [(1,)], None),
        ([(1, 1)], [(1, 2)], None),
        ([(1, 1)], [(1, 2, 1)], "soft"),
        ([(None,)], [(0,)], None),
        ([(None,)], [(None,)], "exact"),
        ([], [], "exact"),
        ([], [(1,)], None),
        ([(1,)], [], None),
        # each column for itself has the same values, and yet the rows differ
        ([(1, 1, 2), (2, 2, 1)], [(1, 2, 2), (2, 1, 1)], "exact"),
        ([(1, 1), (2, 2)], [(1, 2), (2, 1)], None),
    ],
)
def test_rows_in_any_order(reference: Rows, ours: Rows, expected: str | None) -> None:
    assert match(unordered(reference), ours) == expected


def test_order_counts_where_the_reference_orders() -> None:
    rows = [("a", 3), ("b", 2)]
    assert match(ordered(rows), rows) == "exact"
    assert match(ordered(rows), rows[::-1]) is None


def test_level_rows_come_in_any_order_within_their_group() -> None:
    reference = ReferenceRows([("a", 3), ("b", 2), ("c", 2)], [Group(1, [("a", 3)]), Group(2, [("b", 2), ("c", 2)])])
    assert match(reference, [("a", 3), ("c", 2), ("b", 2)]) == "exact"
    assert match(reference, [("c", 2), ("a", 3), ("b", 2)]) is None


def test_rows_level_with_the_last_one_may_stand_in_its_place() -> None:
    reference = ReferenceRows([("a", 3), ("b", 2)], [Group(1, [("a", 3)]), Group(1, [("b", 2), ("c", 2)])])
    assert match(reference, [("a", 3), ("c", 2)]) == "exact"
    assert match(reference, [("a", 3), ("c", 2, "x")[:2]]) == "exact"
    assert match(reference, [("a", 3), ("d", 2)]) is None
    assert match(reference, [("b", 2), ("c", 2)]) is None


@pytest.mark.parametrize(
    ("reference", "ours", "agrees"),
    [
        ([("id-1", 5.5)], [("name", 5.5)], True),
        ([("id-1", 5.5)], [("name", 5.6)], False),
        ([(3, 4)], [(4, 3, "x")], True),
        ([(3, 4)], [(4,)], False),
        ([(3, 3)], [(3, 5)], False),
        ([(Decimal("0.2203"),)], [(Decimal("22.03"),)], True),
        ([(Decimal("22.03"),)], [(Decimal("0.2203"),)], False),
        ([(1,)], [(100,)], False),
        ([(1,), (2,)], [(2,), (3,), (1,)], True),
        ([(1,), (1,)], [(1,), (2,)], False),
        ([("a",)], [("a",)], False),
        ([(1,)], [(number,) for number in range(52)], False),
        ([(1,)], [(number,) for number in range(51)], True),
        ([], [(1,)], False),
    ],
)
def test_figures(reference: Rows, ours: Rows, agrees: bool) -> None:
    assert figures_agree(unordered(reference), ours) is agrees


CELLS = st.one_of(st.none(), st.integers(0, 3), st.sampled_from(["a", "b"]), st.decimals(0, 2, places=2))
TABLES = st.integers(1, 4).flatmap(lambda width: st.lists(st.tuples(*[CELLS] * width), min_size=1, max_size=6))


@settings(max_examples=60, deadline=None)
@given(rows=TABLES, data=st.data())
def test_shuffled_rows_and_columns_are_the_same_and_a_changed_cell_is_not(rows: Rows, data: st.DataObject) -> None:
    columns = data.draw(st.permutations(range(len(rows[0]))))
    ours = [tuple(row[index] for index in columns) for row in data.draw(st.permutations(rows))]
    assert match(unordered(rows), ours) == "exact"
    assert match(unordered(rows), [(*row, "more") for row in ours]) == "soft"
    assert match(unordered(rows), [("changed", *ours[0][1:]), *ours[1:]]) is None
    assert match(unordered(rows), ours[1:]) is None
