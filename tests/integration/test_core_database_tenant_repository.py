"""Two tenants on the same tables: neither sees, changes or deletes what the other one owns."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Integer, String, Table, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from common.errors import NotFoundError
from core.database import Database
from core.tenant_repository import TenantRepository


class ScratchBase(DeclarativeBase):
    pass


class Note(ScratchBase):
    __tablename__ = "tenant_repository_note"
    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[str] = mapped_column(String(63))
    words: Mapped[str]


TAGS = Table(
    "tenant_repository_tag",
    ScratchBase.metadata,
    Column("id", Integer, primary_key=True),
    Column("tenant_id", String(63), nullable=False),
    Column("note_id", Integer),
    Column("name", String),
)
UNOWNED = Table("tenant_repository_unowned", ScratchBase.metadata, Column("id", Integer, primary_key=True))


@pytest.fixture
def session(platform_url: str) -> Iterator[Session]:
    database = Database(platform_url, pool_size=1)
    with database.session() as session:
        ScratchBase.metadata.create_all(session.connection())
        yield session
        session.rollback()
    database.dispose()


@pytest.fixture
def ours(session: Session) -> TenantRepository:
    repository = TenantRepository(session, "acme")
    repository.add(Note(id=1, words="ours"))
    session.execute(
        repository.insert(TAGS, [{"id": 1, "note_id": 1, "name": "red"}, {"id": 2, "note_id": 1, "name": "blue"}])
    )
    return repository


@pytest.fixture
def theirs(session: Session, ours: TenantRepository) -> TenantRepository:
    repository = TenantRepository(session, "default")
    repository.add(Note(id=2, words="theirs"))
    session.execute(repository.insert(TAGS, [{"id": 3, "note_id": 2, "name": "red"}]))
    session.flush()
    return repository


def test_lists_hold_only_the_tenants_rows(session: Session, ours: TenantRepository, theirs: TenantRepository) -> None:
    assert [note.words for note in session.scalars(ours.select(Note))] == ["ours"]
    assert [note.words for note in session.scalars(theirs.select(Note))] == ["theirs"]
    assert session.scalars(ours.select(TAGS, TAGS.c.id).order_by(TAGS.c.id)).all() == [1, 2]
    assert session.scalars(theirs.select(TAGS, TAGS.c.id)).all() == [3]


def test_joins_and_aggregates_are_filtered_on_each_named_entity(
    session: Session, ours: TenantRepository, theirs: TenantRepository
) -> None:
    joined = select(Note.words, func.count()).join(TAGS, TAGS.c.name.is_not(None)).group_by(Note.words)
    assert session.execute(ours.scoped(joined, Note, TAGS)).all() == [("ours", 2)]
    assert session.execute(theirs.scoped(joined, Note, TAGS)).all() == [("theirs", 1)]


@pytest.mark.parametrize("record_id", [2, 99])
def test_foreign_id_is_the_same_as_a_missing_one(
    ours: TenantRepository, theirs: TenantRepository, record_id: int
) -> None:
    assert theirs.get(Note, 2).words == "theirs"
    assert ours.find(Note, record_id) is None
    with pytest.raises(NotFoundError) as caught:
        ours.get(Note, record_id)
    assert str(record_id) not in caught.value.message
    assert ours.update(Note, record_id, words="taken") is False
    assert ours.delete(Note, record_id) is False
    assert theirs.get(Note, 2).words == "theirs"


def test_foreign_row_of_a_plain_table_is_out_of_reach(ours: TenantRepository, theirs: TenantRepository) -> None:
    assert ours.find(TAGS, 3) is None
    assert theirs.get(TAGS, 3).name == "red"


def test_own_records_are_changed_and_deleted(ours: TenantRepository) -> None:
    assert ours.update(Note, 1, words="new") is True
    assert ours.get(Note, 1).words == "new"
    assert ours.update(TAGS, 1, name="green") is True
    assert ours.get(TAGS, 1).name == "green"
    assert ours.delete(Note, 1) is True
    assert ours.find(Note, 1) is None


def test_another_tenants_name_in_the_data_is_refused(ours: TenantRepository) -> None:
    with pytest.raises(ValueError, match="another tenant"):
        ours.add(Note(id=3, tenant_id="default", words="x"))
    with pytest.raises(ValueError, match="another tenant"):
        ours.insert(TAGS, [{"id": 9, "tenant_id": "default"}])
    with pytest.raises(ValueError, match="never changes"):
        ours.update(Note, 1, tenant_id="default")


@pytest.mark.parametrize("tenant", ["", None, "a:b"])
def test_no_tenant_no_repository(session: Session, tenant: str) -> None:
    with pytest.raises(ValueError, match="tenant name"):
        TenantRepository(session, tenant)


def test_tables_without_a_tenant_are_refused(ours: TenantRepository) -> None:
    with pytest.raises(TypeError, match="tenant_id"):
        ours.select(UNOWNED)
    with pytest.raises(TypeError, match="name the entities"):
        ours.scoped(select(Note))
