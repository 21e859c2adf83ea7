"""Column names and value sizes of a result."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.sql_executor.row_values import json_value, unique_names, value_bytes


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a", "b"], ("a", "b")),
        (["a", "a", "a"], ("a", "a_2", "a_3")),
        (["a", "a", "a_2"], ("a", "a_3", "a_2")),
        ([], ()),
    ],
)
def test_names_become_unique_and_given_names_stay(names: list[str], expected: tuple[str, ...]) -> None:
    assert unique_names(names) == expected


def test_size_counts_utf8_and_what_is_inside() -> None:
    assert value_bytes("中文") == 6
    assert value_bytes(["中文", "ab"]) > 8
    assert value_bytes({"k": "x" * 100}) > 100
    assert value_bytes(None) == value_bytes(12.5)


def _unique_names_by_search(names: Sequence[str]) -> tuple[str, ...]:
    result: list[str] = []
    for name in names:
        candidate, number = name, 1
        while candidate in result or (number > 1 and candidate in names):
            number += 1
            candidate = f"{name}_{number}"
        result.append(candidate)
    return tuple(result)


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "a_2_2", "b", "_", "_2", ""]), max_size=14))
def test_names_are_those_a_search_finds(names: list[str]) -> None:
    assert unique_names(names) == _unique_names_by_search(names)


def test_many_equal_names_are_counted_not_searched() -> None:
    names = unique_names(["?column?"] * 20_000)
    assert names[-1] == "?column?_20000"


@pytest.mark.parametrize("depth", [100, 101, 990, 100_000])
def test_json_that_nests_too_deep_for_an_answer_stays_text(depth: int) -> None:
    written = "[" * depth + "]" * depth
    value = json_value(written.encode())
    assert value == written if depth > 100 else isinstance(value, list)
    json.dumps(value)
    assert value_bytes(value) > 0


def test_brackets_inside_strings_and_side_by_side_are_no_depth() -> None:
    assert json_value(json.dumps([["[{" * 90, '"\\'], *[[]] * 300]).encode())[0] == ["[{" * 90, '"\\']


@pytest.mark.parametrize(("digits", "kind"), [(4_300, int), (4_301, str), (100_000, str)])
def test_an_integer_too_long_for_python_becomes_its_digits(digits: int, kind: type) -> None:
    value = json_value(b"[-" + b"7" * (digits - 1) + b"]")[0]
    assert isinstance(value, kind)
    json.dumps(value)


@pytest.mark.parametrize(
    ("written", "is_kept"),
    [
        (r'{"a": "\u0000"}', True),
        (r'"\ud83d"', True),
        (r'"\udE00"', True),
        (r'"\ud83d\ude00"', False),
        (r'"\u00e9"', False),
    ],
)
def test_characters_no_store_takes_stay_escaped(written: str, is_kept: bool) -> None:
    value = json_value(written.encode())
    assert (value == written) is is_kept
    json.dumps(value, ensure_ascii=False).encode()
