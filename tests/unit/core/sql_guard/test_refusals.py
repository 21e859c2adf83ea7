"""What a refusal tells: rule, position, a Chinese sentence; the audit log; and that a failing check refuses."""

import logging

import pytest

from common import messages
from common.business_schema import BusinessSchema, Column, Table
from common.errors import SqlRefusedError
from core.sql_guard import GuardPolicy, RelationRule, SqlGuard, is_repairable, policy_for

POLICY = GuardPolicy(relations=(RelationRule("public", "bill", ("id", "total")),))


def refusal_of(sql: str, guard: SqlGuard | None = None) -> SqlRefusedError:
    with pytest.raises(SqlRefusedError) as refused:
        (guard or SqlGuard(POLICY)).check(sql)
    return refused.value


def test_refusal_names_rule_position_and_function() -> None:
    refusal = refusal_of("SELECT id, pg_sleep(3) FROM bill")
    assert (refusal.rule, refusal.position) == ("function.denied", 12)
    assert refusal.message == messages.SQL_REFUSED_FUNCTION.format(name="pg_sleep")


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("DROP TABLE bill", messages.SQL_REFUSED_STATEMENT),
        ("SELECT 1; SELECT 2", messages.SQL_REFUSED_MULTIPLE),
        ("SELECT * FROM salary", messages.SQL_REFUSED_RELATION.format(name="salary")),
        ("SELECT b.nope FROM bill b", messages.SQL_REFUSED_UNKNOWN_COLUMN.format(name="b.nope")),
        ("SELECT 'x", messages.SQL_REFUSED_SYNTAX),
        ("", messages.SQL_REFUSED_TEXT),
    ],
)
def test_each_kind_of_refusal_has_its_sentence(sql: str, sentence: str) -> None:
    assert refusal_of(sql).message == sentence


def test_sentences_have_no_open_placeholder() -> None:
    for sql in ("SELECT 1e99999", "SELECT ctid FROM bill", "SELECT 1 FROM bill FOR SHARE", "SELECT x FROM (DELETE) y"):
        assert "{" not in refusal_of(sql).message


def test_writing_errors_may_be_repaired_and_forbidden_things_not() -> None:
    assert is_repairable(refusal_of("SELECT (1").rule)
    assert is_repairable(refusal_of("SELECT * FROM bil").rule)
    assert not is_repairable(refusal_of("DELETE FROM bill").rule)
    assert not is_repairable(refusal_of("SELECT pg_sleep(1)").rule)


def test_audit_log_has_the_rule_and_no_values(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="audit.here"):
        refusal_of("SELECT 'private value' FROM vault", SqlGuard(POLICY, audit=logging.getLogger("audit.here")))
    assert "relation.unknown" in caplog.text
    assert "private value" not in caplog.text


def test_failing_check_refuses() -> None:
    def broken() -> GuardPolicy:
        return GuardPolicy(relations=None)  # type: ignore[arg-type]

    assert refusal_of("SELECT id FROM bill", SqlGuard(broken)).rule == "internal.error"


def test_policy_is_asked_for_each_statement() -> None:
    policies = [POLICY, GuardPolicy(relations=())]
    guard = SqlGuard(lambda: policies.pop(0))
    assert guard.check("SELECT id FROM bill").relations == ("public.bill",)
    assert refusal_of("SELECT id FROM bill", guard).rule == "relation.unknown"


def test_policy_of_a_catalogue_hides_denied_columns() -> None:
    table = Table("public", "bill", "", (Column("id", "integer"), Column("total", "numeric")))
    guard = SqlGuard(policy_for(BusinessSchema((table,)), denied_columns=["public.bill.total", "public.bill.owner"]))
    assert guard.check("SELECT id FROM bill").text == "SELECT id FROM bill"
    assert refusal_of("SELECT * FROM bill", guard).rule == "column.star"
    assert refusal_of("SELECT owner FROM bill", guard).rule == "column.denied"
