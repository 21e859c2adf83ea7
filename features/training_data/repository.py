"""The training records of one tenant, asked and changed in SQL; nothing is filtered in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Row, and_, case, func, literal, or_, select
from sqlalchemy import delete as delete_rows
from sqlalchemy import update as update_rows
from sqlalchemy.sql import Select

from core.tenant_repository import TenantRepository
from core.vector_store.catalogue import (
    CONTENT,
    IS_RECORD,
    KIND,
    QUESTION,
    QUESTION_KEY,
    RECORD_ID,
    has_id,
    question_key,
)
from core.vector_store.quarantine import QUARANTINE
from core.vector_store.records import KINDS, Kind
from core.vector_store.tables import COLLECTION, EMBEDDING

_OF: Final = EMBEDDING.c
_RECORD: Final = (
    RECORD_ID.label("id"),
    QUESTION.label("question"),
    CONTENT.label("content"),
    KIND.label("training_data_type"),
    case((_OF.waits_for.is_not(None), "waiting"), (_OF.reviewed_at.is_not(None), "reviewed"), else_="unreviewed").label(
        "review_status"
    ),
)
_SORTED_BY: Final[Mapping[str, ColumnElement[Any]]] = {
    "id": RECORD_ID.collate("C"),
    "training_data_type": KIND.collate("C"),
    "created_at": _OF.created_at,
}

Record = Mapping[str, Any]


class TrainingRepository(TenantRepository):
    """Records within the session's transaction; ids are those clients know, of the metadata."""

    def counts(self) -> dict[Kind, int]:
        """How many records there are of each kind."""
        statement = self._records(KIND, func.count()).group_by(KIND)
        found = {row[0]: row[1] for row in self.session.execute(statement)}
        return {kind: found.get(kind, 0) for kind in KINDS}

    def total(self) -> int:
        """How many records there are."""
        return sum(self.counts().values())

    def page(
        self, *, kind: str | None, keyword: str, sort_by: str, is_descending: bool, limit: int, offset: int
    ) -> tuple[list[Record], int]:
        """Records of a kind, with the keyword in question or content, and how many there are in all."""
        wanted: list[ColumnElement[bool]] = []
        if kind is not None:
            wanted.append(KIND.in_((kind,)))
        if keyword:
            needle = func.lower(keyword)
            wanted.append(or_(*(func.strpos(func.lower(text), needle) > 0 for text in (QUESTION, CONTENT))))
        statement = self._records(*_RECORD).where(*wanted)
        total = self.session.scalar(self._records(func.count()).where(*wanted)) or 0
        ordered = statement.order_by(*_order(sort_by, is_descending)).limit(limit).offset(offset)
        return [row._asdict() for row in self.session.execute(ordered)], total

    def exists(self, record_id: str) -> bool:
        """Whether there is such a record; it stays until the transaction ends."""
        statement = self._records(_OF.id).where(has_id(record_id)).with_for_update()
        return self.session.execute(statement).first() is not None

    def remove(self, record_id: str) -> bool:
        """Delete a record, and what waits in quarantine under its id; False when it is missing or another tenant's."""
        waiting = self.scoped(delete_rows(QUARANTINE), QUARANTINE).where(
            QUARANTINE.c.id == record_id, QUARANTINE.c.status == "pending"
        )
        statement = self.scoped(delete_rows(EMBEDDING), EMBEDDING).where(has_id(record_id))
        if self.session.execute(statement.returning(_OF.id)).first() is None:
            return False
        self.session.execute(waiting)
        return True

    def rivals(self, question: str, sql: str) -> list[Record]:
        """Pairs with the same question, as people read it, and other SQL; the oldest first, at most ten."""
        statement = self._records(*_RECORD).where(
            question_key(question) == QUESTION_KEY, KIND == "sql", _bare(CONTENT) != _bare(literal(sql))
        )
        ordered = statement.order_by(_OF.created_at, _OF.id).limit(10)
        return [row._asdict() for row in self.session.execute(ordered)]

    def conflicts(self, *, limit: int, offset: int) -> tuple[list[list[Record]], int]:
        """Groups of pairs that share a question and differ in SQL, and how many groups there are."""
        disputed = (
            self._records(QUESTION_KEY.label("key"))
            .where(KIND == "sql", QUESTION_KEY.is_not(None))
            .group_by(QUESTION_KEY)
            .having(func.count(_bare(CONTENT).distinct()) > 1)
        )
        total = self.session.scalar(select(func.count()).select_from(disputed.subquery())) or 0
        keys = list(self.session.scalars(disputed.order_by(QUESTION_KEY.collate("C")).limit(limit).offset(offset)))
        statement = self._records(QUESTION_KEY.label("key"), *_RECORD).where(QUESTION_KEY.in_(keys), KIND == "sql")
        groups: dict[str, list[Record]] = {key: [] for key in keys}
        for row in self.session.execute(statement.order_by(_OF.created_at, _OF.id)) if keys else ():
            groups[row.key].append({name: value for name, value in row._asdict().items() if name != "key"})
        return list(groups.values()), total

    def pairs(self, *, limit: int, offset: int) -> tuple[list[Record], int]:
        """Right pairs in the order they were kept, and how many there are."""
        statement = self._records(*_RECORD).where(KIND == "sql").order_by(_OF.created_at, _OF.id)
        total = self.session.scalar(self._records(func.count()).where(KIND == "sql")) or 0
        return [row._asdict() for row in self.session.execute(statement.limit(limit).offset(offset))], total

    def collection_size(self, name: Kind) -> int:
        """How many rows a collection has, whatever they are."""
        return self.session.scalar(self._collection(name, func.count())) or 0

    def duplicates(self, name: Kind) -> Sequence[Row[Any]]:
        """Rows of a collection whose document occurs more than once: `id`, `shown` (101 characters), `createdat`,
        `text_id` (equal for equal documents); documents in the order of their smallest id.
        """
        copies = func.count().over(partition_by=_OF.document).cast(Integer)
        numbered = self._collection(
            name,
            _OF.id,
            func.left(_OF.document, 101).label("shown"),
            _OF.cmetadata["createdat"].astext.label("createdat"),
            func.min(_OF.id.collate("C")).over(partition_by=_OF.document).label("text_id"),
            copies.label("copies"),
        ).subquery()
        rows = select(numbered).where(numbered.c.copies > 1)
        return self.session.execute(rows.order_by(numbered.c.text_id, numbered.c.id.collate("C"))).all()

    def keep_one_of_each(self, kept: Sequence[str], removed: Sequence[str]) -> None:
        """Delete rows by the key of the table; the kept ones take over the content hash of those that leave."""
        for chunk in _chunks(removed):
            self.session.execute(self.scoped(delete_rows(EMBEDDING), EMBEDDING).where(_OF.id.in_(chunk)))
        digest = func.encode(func.sha256(func.convert_to(_OF.document, "UTF8")), "hex")
        for chunk in _chunks(kept):
            unhashed = self.scoped(update_rows(EMBEDDING), EMBEDDING).where(
                _OF.id.in_(chunk), _OF.content_hash.is_(None)
            )
            self.session.execute(unhashed.values(content_hash=digest))

    def _records(self, *columns: ColumnElement[Any]) -> Select[Any]:
        return self.select(EMBEDDING, *columns).where(IS_RECORD)

    def _collection(self, name: Kind, *columns: ColumnElement[Any]) -> Select[Any]:
        join = and_(COLLECTION.c.uuid == _OF.collection_id, COLLECTION.c.name == name)
        return self.select(EMBEDDING, *columns).join(COLLECTION, join).where(_OF.document.is_not(None))


def _order(sort_by: str, is_descending: bool) -> list[ColumnElement[Any]]:
    column = _SORTED_BY.get(sort_by)
    storage = [_OF.created_at, _OF.id]
    if column is None:
        return list(storage)
    return [column.desc() if is_descending else column.asc(), *storage]


def _bare(sql: ColumnElement[Any]) -> ColumnElement[Any]:
    """SQL without what never changes its rows: white space runs and closing semicolons."""
    return func.rtrim(func.regexp_replace(sql, r"\s+", " ", "g"), " ;")


def _chunks(ids: Sequence[str], size: int = 1_000) -> Iterator[list[str]]:
    return (list(ids[start : start + size]) for start in range(0, len(ids), size))
