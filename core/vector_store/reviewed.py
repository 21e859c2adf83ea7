"""What an administrator vouched for, looked up without regard to how many unreviewed records are nearer.

The training door and the search for examples ask here, so that no number of unreviewed copies hides a reviewed record.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sqlalchemy import text

from common.tenant import Tenant
from core.database import Database
from core.vector_store.lexical import any_of, bigrams
from core.vector_store.records import Match, parse_document

MOST_NEAR: Final = 20
_MOST_TERMS: Final = 2_000
_USED: Final = text(
    """
    SELECT wanted.term FROM unnest(CAST(:terms AS text[])) AS wanted (term)
    WHERE EXISTS (SELECT 1 FROM langchain_pg_embedding e
                  WHERE e.lexical_terms @@ CAST(quote_literal(wanted.term) AS tsquery)
                    AND e.tenant_id = :tenant AND e.reviewed_at IS NOT NULL)
    """
)
_NEAR: Final = text(
    """
    SELECT e.id, e.document FROM langchain_pg_embedding e
    JOIN langchain_pg_collection c ON c.uuid = e.collection_id AND c.name = 'sql'
    WHERE e.lexical_terms @@ CAST(:terms AS tsquery) AND e.tenant_id = :tenant AND e.reviewed_at IS NOT NULL
    ORDER BY ts_rank(e.lexical_terms, CAST(:terms AS tsquery), 1) DESC, e.id LIMIT :most
    """
)


def reviewed_terms(database: Database, tenant: str, terms: Iterable[str]) -> frozenset[str]:
    """Those of the terms, as `core.vector_store.lexical.bigrams` gives them, that stand in reviewed records.

    Of pairs only the questions are looked at. Raises `StoreUnavailableError`: the platform database is away.
    """
    wanted = list(dict.fromkeys(terms))[:_MOST_TERMS]
    if not wanted:
        return frozenset()
    with database.session() as session:
        return frozenset(session.scalars(_USED, {"terms": wanted, "tenant": Tenant(tenant)}))


def reviewed_pairs_near(database: Database, tenant: str, question: str) -> list[Match]:
    """The reviewed right pairs that share most words with the question, at most `MOST_NEAR`, without scores.

    Raises `StoreUnavailableError`: the platform database is away.
    """
    terms = bigrams(question)
    if not terms:
        return []
    parameters = {"terms": any_of(terms), "tenant": Tenant(tenant), "most": MOST_NEAR}
    with database.session() as session:
        rows = session.execute(_NEAR, parameters).all()
    found = [(row.id, parse_document("sql", row.document or "")) for row in rows]
    return [
        Match(record_id, "sql", item.content, item.question, 0.0, place, is_reviewed=True)
        for place, (record_id, item) in enumerate(found, start=1)
        if item is not None
    ]
