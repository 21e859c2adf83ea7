"""The training door: every record that somebody wants used comes through here, and nobody else stores one (ADR 0024).

Routes, feedback, the pipeline, automatic training and the demo's examples differ in what they may: their `Origin` says
so. What becomes of a record:

    used        it is stored and found by the next question
    unused      it is stored, listed and counted, but not searched before an administrator approves it
    held back   its text speaks to the model; it is not stored before an administrator approves it

Screening and vectors come first, without a transaction; storing comes last, in the caller's own where it has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from common.tenant import Tenant
from core.llm.metering import CallAccount
from core.vector_store.near_pairs import question_key
from core.vector_store.origin import Origin, Recall, Standing
from core.vector_store.quarantine import Doubtful, Held, hold
from core.vector_store.records import PAIR_KINDS, Kind, NewRecord, TrainingItem, content_hash
from core.vector_store.screening import suspicions
from core.vector_store.store import VectorStore, collection_of
from core.vector_store.tables import COLLECTION, EMBEDDING

NOBODY_REVIEWED: Final = "nobody_reviewed"
ADDS_ONLY: Final[Mapping[str, str]] = {"use": "new_words"}
"""In `cmetadata` of a text that nobody vouched for; `core.vector_store.search` reads it."""
_OF: Final = EMBEDDING.c
_ROWS_PER_INSERT: Final = 100
_REFRESHED_COLUMNS: Final = ("embedding", "embedding_model", "embedding_dimension", "lexical_terms")


class ReviewRules(Protocol):
    """Finds what speaks against using records unseen, besides what their texts say to the model."""

    def doubts(self, tenant: str, records: Sequence[NewRecord]) -> list[tuple[str, ...]]:
        """The doubts about each record, in order; empty where there is none."""
        ...


class NoRules:
    """`ReviewRules` that doubt nothing."""

    def doubts(self, tenant: str, records: Sequence[NewRecord]) -> list[tuple[str, ...]]:
        return [() for _ in records]


@dataclass(frozen=True)
class Screened:
    """A record as the door saw it: `row` is None when it is held back, `doubts` are why it is not used unseen."""

    record: NewRecord
    origin: Origin
    row: Mapping[str, Any] | None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stored:
    """A record in the store; one with `waits_for` is not used yet and stands in quarantine under the same id."""

    record_id: str
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True)
class HeldBack:
    """A record that is not stored: it stands in quarantine, pending or rejected."""

    quarantine_id: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Admitted:
    """What became of items, in their order.

    Attributes:
        ids: of the record each item is or will be.
        waiting: the ids among them that are not used: they wait for an administrator, or were rejected.
    """

    ids: list[str]
    waiting: frozenset[str]


@dataclass
class _Batch:
    """Items of one call by the hash of their content."""

    records: dict[str, NewRecord]
    ids: dict[str, str]
    doubts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    promised: dict[str, str] = field(default_factory=dict)
    held_back: set[str] = field(default_factory=set)
    vouched: set[str] = field(default_factory=set)

    @property
    def to_store(self) -> list[str]:
        return [hash_ for hash_ in self.records if hash_ not in self.ids and hash_ not in self.held_back]


class TrainingDoor:
    """See the module.

    Args:
        store: embeds the records and says what is there.
        rules: what speaks against a record of an open origin.
    """

    def __init__(self, store: VectorStore, rules: ReviewRules | None = None) -> None:
        self._store = store
        self._database = store.database
        self._rules = rules or NoRules()

    def add(
        self, tenant: str, kind: Kind, items: Iterable[TrainingItem], *, account: CallAccount | None = None
    ) -> list[str]:
        """As `admit` for the product's own records, which count as reviewed."""
        return self.admit(tenant, kind, items, Origin("training", Standing.VOUCHED), account=account).ids

    def admit(
        self,
        tenant: str,
        kind: Kind,
        items: Iterable[TrainingItem],
        origin: Origin,
        *,
        account: CallAccount | None = None,
    ) -> Admitted:
        """Store the items. What is there already keeps its id and is not doubled.

        Args:
            account: who pays for their vectors; by default the tenant, as training.

        Raises:
            ValueError: an item lacks its text. Nothing is stored then.
            ModelUnavailableError: the embedder does not answer. Nothing is stored then; what waits, waits.
        """
        name = Tenant(tenant)
        listed = [NewRecord(kind, item) for item in items]
        hashes = [content_hash(record.item.document(kind)) for record in listed]
        batch = _Batch(dict(zip(hashes, listed, strict=True)), {})
        with self._database.session() as session:
            batch.ids |= self._store.known_ids(session, name, kind, hashes)
            unused = _unused(session, batch.ids.values())
        self._judge(name, kind, batch, origin)
        wanted = batch.to_store
        if wanted:
            rows = self._store.prepare(name, kind, [batch.records[hash_].item for hash_ in wanted], account=account)
            with self._database.session() as session:
                prepared = [self._placed(batch, hash_, row, origin) for hash_, row in zip(wanted, rows, strict=True)]
                batch.ids |= _insert_missing(session, kind, prepared)
        waiting = {batch.ids[hash_] for hash_ in (*batch.held_back, *batch.doubts)} | unused
        return Admitted([batch.ids[hash_] for hash_ in hashes], frozenset(waiting))

    def screen(
        self, tenant: str, records: Sequence[NewRecord], origin: Origin, *, account: CallAccount | None = None
    ) -> list[Screened]:
        """The records with their vectors and with what speaks against them; nothing is stored.

        Raises:
            ModelUnavailableError: the embedder does not answer.
        """
        speaking = [suspicions((record.item.question, record.item.content)) for record in records]
        doubts = self._doubts(tenant, records, origin)
        rows: dict[int, Mapping[str, Any]] = {}
        for kind in dict.fromkeys(record.kind for record in records):
            places = [at for at, record in enumerate(records) if record.kind == kind and not speaking[at]]
            items = [records[at].item for at in places]
            rows |= dict(zip(places, self._store.prepare(tenant, kind, items, account=account), strict=True))
        return [Screened(record, origin, rows.get(at), speaking[at] or doubts[at]) for at, record in enumerate(records)]

    def store(
        self, session: Session, tenant: str, screened: Screened, *, replaces_id: str | None = None
    ) -> Stored | HeldBack:
        """Store a screened record, or put it in quarantine, within the caller's transaction.

        Args:
            replaces_id: the record it is to take the place of; then a doubt holds it back like a suspicious text.
        """
        name, record, row = Tenant(tenant), screened.record, screened.row
        if row is None or (screened.doubts and replaces_id is not None):
            one = Doubtful(0, name, record.kind, record.item, screened.doubts, replaces_id=replaces_id)
            held = _hold(session, [one], screened.origin.source, "pending")[0]
            return HeldBack(held.id, screened.doubts)
        is_vouched = screened.origin.standing is Standing.VOUCHED
        row = {**row, **_marks(record, screened.doubts, is_vouched=is_vouched)}
        row = row if is_vouched else _bounded(row, record)
        if screened.doubts:
            one = Doubtful(0, name, record.kind, record.item, screened.doubts, record_id=str(row["id"]))
            _hold(session, [one], screened.origin.source, "each")
        return Stored(_insert_copy(session, record.kind, row), screened.doubts)

    def approve(self, session: Session, tenant: str, record: NewRecord, row: Mapping[str, Any]) -> str:
        """Use a record an administrator approved, whether it is stored already or not, and return its id.

        Args:
            row: as `prepare_approved` made it.
        """
        marks = _marks(record, (), is_vouched=True)
        stored = update(EMBEDDING).where(_OF.id == row["id"], _OF.tenant_id == Tenant(tenant))
        known = session.execute(stored.values(**marks).returning(_OF.id)).first()
        return str(row["id"]) if known else _insert_copy(session, record.kind, {**row, **marks})

    def prepare_approved(
        self, tenant: str, record: NewRecord, record_id: str, *, account: CallAccount
    ) -> Mapping[str, Any]:
        """The row of an approved record under the id it was promised.

        Raises:
            ModelUnavailableError: the embedder does not answer.
        """
        (row,) = self._store.prepare(tenant, record.kind, [record.item], account=account)
        return _renamed(row, record_id)

    def put_aside(self, tenant: str, records: Mapping[str, NewRecord], reasons: Mapping[str, str], source: str) -> int:
        """Take stored records out of use until an administrator approves them; how many were there.

        A kill in between loses none: quarantine comes before the store.
        """
        name = Tenant(tenant)
        found = [
            Doubtful(at, name, record.kind, record.item, (reasons[record_id],))
            for at, (record_id, record) in enumerate(records.items())
        ]
        with self._database.session() as session:
            _hold(session, found, source, "pending")
        return len(self._store.delete(tenant, records))

    def _doubts(self, tenant: str, records: Sequence[NewRecord], origin: Origin) -> list[tuple[str, ...]]:
        if origin.standing is Standing.VOUCHED:
            return [() for _ in records]
        found = self._rules.doubts(tenant, records)
        if origin.standing is Standing.WAITING:
            return [(NOBODY_REVIEWED, *doubts) for doubts in found]
        return found

    def _judge(self, tenant: Tenant, kind: Kind, batch: _Batch, origin: Origin) -> None:
        """Sort what is new: held back, unused or used; what was decided before counts again."""
        new = batch.to_store
        records = [batch.records[hash_] for hash_ in new]
        doubts = self._doubts(tenant, records, origin)
        found: list[Doubtful] = []
        is_speaking: dict[str, bool] = {}
        for at, (hash_, record) in enumerate(zip(new, records, strict=True)):
            speaking = suspicions((record.item.question, record.item.content))
            if reasons := speaking or doubts[at]:
                is_speaking[hash_] = bool(speaking)
                found.append(Doubtful(at, tenant, kind, record.item, reasons))
        if not found:
            return
        with self._database.session() as session:
            held = _hold(session, found, origin.source, origin.recall)
        for one in found:
            hash_, row = new[one.position], held[one.position]
            if row.is_approved:
                batch.vouched.add(hash_)
            elif is_speaking[hash_] or row.status == "rejected":
                batch.held_back.add(hash_)
                batch.ids[hash_] = row.id
            else:
                batch.doubts[hash_] = one.reasons
                batch.promised[hash_] = row.id

    def _placed(self, batch: _Batch, hash_: str, row: Mapping[str, Any], origin: Origin) -> Mapping[str, Any]:
        is_vouched = origin.standing is Standing.VOUCHED or hash_ in batch.vouched
        record = batch.records[hash_]
        placed = {**row, **_marks(record, batch.doubts.get(hash_, ()), is_vouched=is_vouched)}
        placed = placed if is_vouched else _bounded(placed, record)
        promised = batch.promised.get(hash_)
        return _renamed(placed, promised) if promised else placed


def _renamed(row: Mapping[str, Any], record_id: str) -> dict[str, Any]:
    """The prepared row under an id that was promised before."""
    return {**row, "id": record_id, "cmetadata": {**row["cmetadata"], "id": record_id}}


def _bounded(row: dict[str, Any], record: NewRecord) -> dict[str, Any]:
    """The row of a text with the mark that lets it be used for questions about new things only."""
    if record.kind in PAIR_KINDS:
        return row
    return {**row, "cmetadata": {**row["cmetadata"], **ADDS_ONLY}}


def _marks(record: NewRecord, doubts: tuple[str, ...], *, is_vouched: bool) -> dict[str, Any]:
    """The columns that say who vouches for a record."""
    is_pair = record.kind in PAIR_KINDS
    return {
        "reviewed_at": func.now() if is_vouched else None,
        "review_key": (question_key(record.item.question) or None) if is_vouched and is_pair else None,
        "waits_for": list(doubts) or None,
    }


def _hold(session: Session, found: Sequence[Doubtful], source: str, recall: Recall) -> dict[int, Held]:
    return hold(session.connection().exec_driver_sql, found, source, recall)


def _unused(session: Session, ids: Iterable[str]) -> frozenset[str]:
    """Which of these records wait."""
    wanted = list(ids)
    statement = select(_OF.id).where(_OF.id.in_(wanted), _OF.waits_for.is_not(None))
    return frozenset(session.scalars(statement)) if wanted else frozenset()


def _insert_missing(session: Session, kind: Kind, rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Write rows; one whose content is there already only gets its vector refreshed. Ids by content hash."""
    collection_id = collection_of(session, kind)
    complete = sorted(
        ({**row, "collection_id": collection_id} for row in rows), key=lambda row: str(row["content_hash"])
    )
    ids: dict[str, str] = {}
    for start in range(0, len(complete), _ROWS_PER_INSERT):
        statement = insert(EMBEDDING).values(complete[start : start + _ROWS_PER_INSERT])
        refreshed = {name: statement.excluded[name] for name in _REFRESHED_COLUMNS}
        result = session.execute(
            statement.on_conflict_do_update(
                index_elements=["tenant_id", "collection_id", "content_hash"], set_=refreshed
            ).returning(_OF.content_hash, _OF.id)
        )
        ids.update((row[0], row[1]) for row in result)
    return ids


def _insert_copy(session: Session, kind: Kind, row: Mapping[str, Any]) -> str:
    """Write a row and return its id; when its content is there already, the new row leaves the hash to the old one."""
    known = session.scalar(select(COLLECTION.c.uuid).where(COLLECTION.c.name == kind))
    complete = {**row, "collection_id": known or collection_of(session, kind)}
    once = (
        insert(EMBEDDING)
        .values(complete)
        .on_conflict_do_nothing(index_elements=["tenant_id", "collection_id", "content_hash"])
    )
    if session.execute(once.returning(_OF.id)).first() is None:
        session.execute(insert(EMBEDDING).values({**complete, "content_hash": None}))
    return str(row["id"])
