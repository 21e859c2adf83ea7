"""Column names and value sizes of a result."""

import pytest

from core.sql_executor.row_values import unique_names, value_bytes


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
