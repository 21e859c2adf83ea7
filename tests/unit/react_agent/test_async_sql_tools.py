"""`execute_non_query` serves the agent's own tables, and no text gets into a statement but as a parameter."""

import pytest

from common.errors import SqlRefusedError
from react_agent.async_sql_tools import own_statement


@pytest.mark.parametrize(
    ("query", "rule"),
    [
        ("DELETE FROM users WHERE id = $1", "own.relation.own"),
        ("DELETE FROM public.checkpoints WHERE thread_id = $1", "own.relation.own"),
        ("DELETE FROM checkpoints", "own.condition.missing"),
        ("DELETE FROM checkpoints WHERE thread_id = 'x'", "own.literal.text"),
        ("DELETE FROM checkpoints WHERE thread_id IN (SELECT thread_id FROM checkpoint_blobs)", "own.relation.own"),
        ("DELETE FROM checkpoints WHERE thread_id = lower($1)", "own.expression"),
        ("DELETE FROM checkpoints USING users WHERE checkpoints.thread_id = $1", "own.relation.own"),
        ("WITH x AS (SELECT 1) DELETE FROM checkpoints WHERE thread_id = $1", "own.expression"),
        ("UPDATE checkpoints SET metadata = $1 WHERE thread_id = $2 RETURNING thread_id", "own.expression"),
        ("DROP TABLE checkpoints", "own.statement.kind"),
        ("SELECT 1", "own.statement.kind"),
        ("TRUNCATE checkpoints", "own.statement.kind"),
        ("DELETE FROM checkpoints WHERE thread_id = $1; DROP TABLE users", "own.statement.single"),
        ("DELETE FROM", "own.parse.error"),
    ],
)
def test_everything_else_is_refused(query: str, rule: str) -> None:
    with pytest.raises(SqlRefusedError) as refused:
        own_statement(query)
    assert refused.value.rule == rule


def test_parameters_are_bound_by_the_driver() -> None:
    statement = own_statement("DELETE FROM checkpoints WHERE thread_id = $1 AND checkpoint_id = $2")
    assert statement.sql(dialect="postgres") == (
        "DELETE FROM checkpoints WHERE thread_id = %(p1)s AND checkpoint_id = %(p2)s"
    )
