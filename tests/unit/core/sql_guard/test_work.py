"""What checking a statement may cost: linear work whatever its shape, and an end to whatever is not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import FrameType

import pytest

from agent.model_replies import find_sql
from common.cancellation import CancelFlag
from common.errors import SqlExecutionError, SqlRefusedError
from core import sql_parsing
from core.sql_guard import GuardPolicy, RelationRule, SqlGuard
from core.sql_parsing import TooMuchWorkError, Work, parse_statements
from tools.guard_shapes import nests, shapes, widths

Recipes = Iterable[tuple[str, Callable[[int], str]]]
GUARD = SqlGuard(GuardPolicy(relations=(RelationRule("public", "t", ("a", "b", "x", "y")),)))


def verdict(statement: str) -> str:
    try:
        GUARD.check(statement)
    except SqlRefusedError as refusal:
        return str(refusal.rule)
    return "admitted"


def plain_verdict(statement: str) -> str:
    try:
        parse_statements(statement)
    except Exception as error:  # noqa: BLE001 - its kind is what is compared
        return type(error).__name__
    return "parsed"


def calls(check: Callable[[str], object], statement: str) -> int:
    """How many functions `check` calls: work that can be counted and does not depend on the machine."""
    return measured(check, statement)[0]


def measured(check: Callable[[str], object], statement: str) -> tuple[int, object]:
    """`calls`, and what `check` returned."""
    counted = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        result = check(statement)
    finally:
        sys.setprofile(before)
    return counted, result


def growing_too_fast(check: Callable[[str], str], recipes: Recipes, size: int) -> dict[str, float]:
    """By recipe, how many times the work of `size` twice that size costs, where it is much more than twice the work.

    Only statements with the same verdict are compared: a limit ends the work of the larger one.
    """
    check("SELECT 1")
    worse = {}
    for recipe, statement in recipes:
        (small, verdict_of_small), (large, verdict_of_large) = (
            measured(check, statement(units)) for units in (size, 2 * size)
        )
        if verdict_of_small == verdict_of_large and large > 3.2 * small:
            worse[recipe] = round(large / small, 1)
    return worse


@pytest.mark.parametrize("check", [verdict, plain_verdict])
def test_twice_the_nesting_is_about_twice_the_work(check: Callable[[str], str]) -> None:
    assert growing_too_fast(check, nests(), 6) == {}


@pytest.mark.parametrize("check", [verdict, plain_verdict])
def test_twice_the_length_is_about_twice_the_work(check: Callable[[str], str]) -> None:
    assert growing_too_fast(check, widths(), 20) == {}


def test_shapes_are_statements_the_guard_reads_and_not_only_nonsense() -> None:
    verdicts = [verdict(shape.sql) for shape in shapes(200, seed=5)]
    assert verdicts.count("admitted") > 30
    assert "internal.error" not in verdicts
    assert "internal.unvisited" not in verdicts


def test_work_ends_when_its_steps_are_spent() -> None:
    work = Work(10)
    work.spend(10)
    with pytest.raises(TooMuchWorkError):
        work.spend()


def test_work_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5.0
    monkeypatch.setattr(sql_parsing.time, "thread_time", lambda: now)
    work = Work(1_000_000, seconds=1.0)
    for _ in range(2_000):
        work.spend()
    now = 6.1
    with pytest.raises(TooMuchWorkError):
        work.spend(257)


def test_a_check_ends_when_its_caller_has_left() -> None:
    left = CancelFlag()
    left.set()
    with pytest.raises(SqlExecutionError) as ended:
        GUARD.check("SELECT " + ", ".join(["a"] * 300) + " FROM t", cancel=left)
    assert ended.value.sqlstate == "57014"


def test_granted_steps_do_not_grant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 5.0
    monkeypatch.setattr(sql_parsing.time, "thread_time", lambda: now)
    work = Work(0)
    work.add(600)
    now = 7.0
    with pytest.raises(TooMuchWorkError):
        work.spend(300)


def test_a_parser_that_reads_again_and_again_is_ended_from_inside() -> None:
    # Joins without conditions are read once more for each that follows.
    assert verdict("SELECT 1 FROM t" + " JOIN t" * 60) == "text.work"
    with pytest.raises(TooMuchWorkError):
        parse_statements("SELECT 1 FROM t" + " JOIN t" * 60)


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        ("SELECT " + "ARRAY[" * 16 + "1" + "]" * 16, "admitted"),
        ("SELECT " + "ARRAY[" * 17 + "1" + "]" * 17, "text.nesting"),
        ("SELECT " + "repeat(" * 14 + "'x'" + ", 1)" * 14, "admitted"),
        ("SELECT " + ", ".join(["1"] * 1_665), "text.tokens"),
        ("SELECT " + ", ".join(["x.*"] * 12) + " FROM (SELECT " + ", ".join(["1"] * 139) + ") x", "tree.columns"),
        ("SELECT " + ", ".join(["x.*"] * 12) + " FROM (SELECT " + ", ".join(["1"] * 138) + ") x", "admitted"),
        ("SELECT 1 " + "+" * 15_000 + " 1", "parse.operator"),
        ("SELECT a @? '$ ? " + "($" * 9_000 + ")*' FROM t", "admitted"),
        ("SELECT a @? '$ ? (@." + "($" * 9_000 + "*)' FROM t", "constant.json_path"),
    ],
)
def test_limits_are_where_they_are_said_to_be(statement: str, rule: str) -> None:
    assert verdict(statement) == rule


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT numeric(10, 2) '3.14', timestamp(3) with time zone '2024-01-01', timestamp(0) without time zone 'now'",
        "SELECT varchar(5) 'abc', interval '1 day', date '2024-01-01', a::numeric(10, -2) FROM t",
        "SELECT CAST(a AS numeric(12,2)), a::varchar(10)[], ARRAY[ARRAY[1, 2], ARRAY[3, 4]][1][2] FROM t",
        "SELECT date(now()), a::int ARRAY, 'x'::char(3), bit(4) '1010', a::timestamp(0) FROM t",
    ],
)
def test_types_and_their_modifiers_are_still_read(statement: str) -> None:
    assert verdict(statement) in ("admitted", "function.denied")
    assert plain_verdict(statement) == "parsed"


def test_a_reply_full_of_statements_is_searched_in_bounded_work() -> None:
    step = "SELECT " + ", ".join(["a"] * 100) + " FROM t;\n\n"
    calls_of = [calls(find_sql, "```sql\n" + step * count + "```") for count in (30, 90)]
    assert calls_of[1] < 2 * calls_of[0]


@pytest.mark.parametrize("text", ["SELECT " + "a" * 20_000, "SELECT " + "a," * 3_000 + "a"])
def test_a_text_nobody_may_run_is_not_parsed(text: str) -> None:
    with pytest.raises(TooMuchWorkError):
        parse_statements(text)
