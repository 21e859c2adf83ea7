"""What an answer rests on, for people and tools that want to know: the optional `provenance` of an answer.

    training_records    ids of the trained records the SQL was written with, and of the wrong examples that kept
                        another statement, or any, from being the answer
    unreviewed_records  those among them that no administrator vouched for
    tables              tables and views the SQL names
    sql_attempts        statements written, looking-up and repair included
    is_repaired         the statement is a repaired one
    candidates          statements that were voted on, when there was more than one
    agreeing_candidates those of them that gave this result
    intermediate_sql    the query whose result was wanted before the real one could be written
    notes               what was missing: `no_examples`, `examples_by_words_only`
    model, prompts      what thought, and the versions of its prompts; offline: model, version

Members without a value are left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.retrieval import Retrieved
    from agent.sql_preparation import PreparedSql

_NAME = re.compile(r"\w+")


def sql_provenance(prepared: PreparedSql, retrieved: Retrieved) -> dict[str, Any]:
    """Of an answer with SQL, or of the attempt at one."""
    named = {word.casefold() for word in _NAME.findall(prepared.sql or "")}
    members = {
        "training_records": list(prepared.based_on),
        "unreviewed_records": [one for one in prepared.based_on if one in retrieved.request.unreviewed_ids],
        "tables": [table.name for table in retrieved.request.schema.tables if table.name.casefold() in named],
        "sql_attempts": prepared.attempts if prepared.sql else 0,
        "is_repaired": prepared.is_repaired,
        "candidates": prepared.candidates if prepared.candidates > 1 else 0,
        "agreeing_candidates": prepared.agreeing if prepared.candidates > 1 else 0,
        "intermediate_sql": prepared.looked_up_by,
        "notes": list(retrieved.notes),
    }
    return {name: value for name, value in members.items() if value}
