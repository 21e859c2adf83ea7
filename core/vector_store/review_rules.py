"""What speaks against using a record unseen, besides a text that speaks to the model; asked by the training door.

    not_a_query, reads_no_table, constant_result, moves_a_measure
                            of a right pair; see `core.vector_store.doubtful_sql`
    contradicts_reviewed    a pair that asks what a reviewed pair asks and answers it otherwise, or calls the reviewed
                            answer wrong
    changes_arithmetic      a text that defines a known measure otherwise than reviewed pairs and comments compute it
    speaks_of_known         a text about what the schema, the language data or a reviewed record speak of, or about
                            everything, in another form than the harmless ones of `core.vector_store.known_terms`
    differs_from_schema     DDL of a known table that says something else than the business database

Two questions are the same when their words are, or when the engine's reading answers both by the same reviewed pair.

A finding is a reason to look. What is compared is what an administrator vouched for and what the business database says
of itself in comments; a database that cannot be asked for them leaves every formula in doubt.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import or_, select

from common.business_schema import BusinessSchema
from common.errors import ServiceUnavailableError
from common.tenant import Tenant
from core.database import Database
from core.vector_store.doubtful_sql import sql_doubts
from core.vector_store.formulas import Measures, changed_formulas, formulas_in
from core.vector_store.known_ddl import read_ddl
from core.vector_store.known_terms import TextRules
from core.vector_store.near_pairs import question_key, same_meaning
from core.vector_store.question_reading import NoReader, QuestionReader
from core.vector_store.records import PAIR_KINDS, NewRecord, TrainingItem, parse_document
from core.vector_store.reviewed import reviewed_pairs_near, reviewed_terms
from core.vector_store.tables import COLLECTION, EMBEDDING

CONTRADICTION: Final = "contradicts_reviewed"
ARITHMETIC: Final = "changes_arithmetic"
KNOWN: Final = "speaks_of_known"
OTHER_SCHEMA: Final = "differs_from_schema"
_MOST_PAIRS: Final = 200
_OF: Final = EMBEDDING.c


class TrainedDataRules:
    """`ReviewRules` of a tenant's reviewed pairs and of the business database's comments.

    Args:
        database: the platform database.
        schema: the business schema as it is known now.
    """

    def __init__(
        self, database: Database, schema: Callable[[], BusinessSchema], reader: QuestionReader | None = None
    ) -> None:
        self._database = database
        self._schema = schema
        self._reader = reader or NoReader()

    def doubts(self, tenant: str, records: Sequence[NewRecord]) -> list[tuple[str, ...]]:
        """See `core.vector_store.door.ReviewRules`. Raises `StoreUnavailableError`: the platform database is away."""
        name = Tenant(tenant)
        keys = [question_key(record.item.question) if record.kind in PAIR_KINDS else "" for record in records]
        reviewed = self._reviewed(name, {key for key in keys if key})
        return [
            tuple(self._doubts_about(name, record, reviewed.get(key, ())))
            for record, key in zip(records, keys, strict=True)
        ]

    def _doubts_about(self, tenant: Tenant, record: NewRecord, reviewed: Sequence[str]) -> Iterable[str]:
        if record.kind == "sql":
            yield from sql_doubts(record.item.content)
            if self._contradicts(tenant, record, reviewed):
                yield CONTRADICTION
        elif record.kind == "error_sql":
            expected = [*reviewed, *self._expected_sql(tenant, record)]
            if any(same_meaning(record.item.content, sql) for sql in expected):
                yield CONTRADICTION
        else:
            yield from self._doubts_about_text(tenant, record)

    def _contradicts(self, tenant: Tenant, record: NewRecord, reviewed: Sequence[str]) -> bool:
        if any(same_meaning(record.item.content, sql) for sql in reviewed):
            return False
        expected = [*reviewed, *self._expected_sql(tenant, record)]
        return bool(expected) and not any(same_meaning(record.item.content, sql) for sql in expected)

    def _expected_sql(self, tenant: Tenant, record: NewRecord) -> list[str]:
        """What the nearest reviewed pairs answer the record's question with, as far as they read the same."""
        found = reviewed_pairs_near(self._database, tenant, record.item.question)
        pairs = [(match.question, match.content) for match in found]
        if not pairs:
            return []
        try:
            return self._reader.expected_sql(self._schema(), record.item.question, pairs)
        except ServiceUnavailableError:
            return []

    def _doubts_about_text(self, tenant: Tenant, record: NewRecord) -> Iterable[str]:
        if self._changes_arithmetic(tenant, record.item.content):
            yield ARITHMETIC
        try:
            schema = self._schema()
        except ServiceUnavailableError:
            yield KNOWN
            return
        texts = [record.item.content]
        if record.kind == "ddl" and (ddl := read_ddl(record.item.content, schema)) is not None:
            texts = ddl.texts
            if ddl.is_otherwise:
                yield OTHER_SCHEMA
        rules = TextRules(schema, self._reader, lambda terms: reviewed_terms(self._database, tenant, terms))
        if any(rules.changes_known(text) for text in texts):
            yield KNOWN

    def _reviewed(self, tenant: Tenant, keys: Iterable[str]) -> Mapping[str, Sequence[str]]:
        """The SQL of the reviewed right pairs, by the key of their question."""
        wanted = list(keys)
        found: defaultdict[str, list[str]] = defaultdict(list)
        if wanted:
            for row, item in self._pairs(tenant, _OF.review_key.in_(wanted)):
                found[row.review_key].append(item.content)
        return found

    def _pairs(self, tenant: Tenant, *conditions: Any) -> list[tuple[Any, TrainingItem]]:
        statement = (
            select(_OF.review_key, _OF.document)
            .join(COLLECTION, COLLECTION.c.uuid == _OF.collection_id)
            .where(COLLECTION.c.name == "sql", _OF.tenant_id == tenant, _OF.reviewed_at.is_not(None), *conditions)
            .order_by(_OF.reviewed_at.desc(), _OF.id)
            .limit(_MOST_PAIRS)
        )
        with self._database.session() as session:
            rows = session.execute(statement).all()
        parsed = [(row, parse_document("sql", row.document or "")) for row in rows]
        return [(row, item) for row, item in parsed if item is not None]

    def _changes_arithmetic(self, tenant: Tenant, text: str) -> bool:
        formulas = formulas_in(text)
        if not formulas:
            return False
        try:
            schema = self._schema()
        except ServiceUnavailableError:
            return True
        words = {word for formula in formulas for word in formula.words}
        named = [_OF.document.contains(word, autoescape=True) for word in sorted(words)]
        pairs = self._pairs(tenant, or_(*named)) if named else []
        measures = Measures(schema, [(item.question, item.content) for _, item in pairs])
        return bool(changed_formulas(formulas, measures))
