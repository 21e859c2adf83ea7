"""Reads and writes of one tenant: filtered, stamped, and blind to everybody else's rows. Parent of repositories.

An entity is a mapped class or a `Table` with a `tenant_id` column. The filter is explicit in every statement; nothing
depends on session events, so a statement that bypasses this class is visible in review.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar, overload

from sqlalchemy import ColumnElement, Delete, Insert, Row, Select, Table, Update, delete, insert, select, update
from sqlalchemy.inspection import inspect
from sqlalchemy.orm import DeclarativeBase, Session

from common import messages
from common.errors import NotFoundError
from common.tenant import Tenant

Entity = type[DeclarativeBase] | Table
Model = TypeVar("Model", bound=DeclarativeBase)
Filterable = TypeVar("Filterable", Select[Any], Update, Delete)
_TENANT_COLUMN: Final = "tenant_id"


def _table(entity: Entity) -> Table:
    table = entity if isinstance(entity, Table) else inspect(entity).local_table
    if not isinstance(table, Table) or _TENANT_COLUMN not in table.c:
        raise TypeError(f"{entity!r} has no {_TENANT_COLUMN} column")
    return table


def _key(table: Table) -> ColumnElement[Any]:
    columns = [column for column in table.primary_key.columns if column.name != _TENANT_COLUMN]
    if len(columns) != 1:
        raise TypeError(f"{table.name} needs one key column besides {_TENANT_COLUMN}")
    return columns[0]


class TenantRepository:
    """The rows of `tenant` within `session`'s transaction. The session's owner commits.

    Raises:
        ValueError: no tenant, or not a tenant's name.
    """

    def __init__(self, session: Session, tenant: str) -> None:
        self.session = session
        self.tenant = Tenant(tenant)

    def scoped(self, statement: Filterable, *entities: Entity) -> Filterable:
        """`statement` with the tenant filter on each of `entities`. Name every tenant-owned one it touches."""
        if not entities:
            raise TypeError("name the entities the statement touches")
        return statement.where(*(_table(entity).c[_TENANT_COLUMN] == self.tenant for entity in entities))

    def select(self, entity: Entity, *columns: ColumnElement[Any]) -> Select[Any]:
        """A filtered SELECT of the entity, or of some of its columns."""
        return self.scoped(select(*(columns or (entity,))), entity)

    @overload
    def find(self, entity: type[Model], record_id: object) -> Model | None: ...

    @overload
    def find(self, entity: Table, record_id: object) -> Row[Any] | None: ...

    def find(self, entity: Any, record_id: object) -> Any:
        """The record with this key, None when it is missing or another tenant's."""
        statement = self.select(entity).where(_key(_table(entity)) == record_id)
        result = self.session.execute(statement)
        return result.one_or_none() if isinstance(entity, Table) else result.scalar_one_or_none()

    @overload
    def get(self, entity: type[Model], record_id: object) -> Model: ...

    @overload
    def get(self, entity: Table, record_id: object) -> Row[Any]: ...

    def get(self, entity: Any, record_id: object) -> Any:
        """As `find`, but a missing or foreign id raises the same `NotFoundError`."""
        record = self.find(entity, record_id)
        if record is None:
            raise NotFoundError(messages.RECORD_NOT_FOUND)
        return record

    def add(self, record: Model) -> Model:
        """Stamp a new mapped object with the tenant and add it to the session.

        Raises:
            ValueError: it already carries another tenant.
        """
        _table(type(record))
        if getattr(record, _TENANT_COLUMN, None) not in (None, self.tenant):
            raise ValueError("the record belongs to another tenant")
        setattr(record, _TENANT_COLUMN, str(self.tenant))
        self.session.add(record)
        return record

    def insert(self, entity: Entity, rows: Iterable[Mapping[str, Any]]) -> Insert:
        """An INSERT of `rows`, each stamped; a `tenant_id` of another tenant in a row raises `ValueError`."""
        stamped = []
        for row in rows:
            if row.get(_TENANT_COLUMN, self.tenant) != self.tenant:
                raise ValueError("the row belongs to another tenant")
            stamped.append({**row, _TENANT_COLUMN: str(self.tenant)})
        return insert(_table(entity)).values(stamped)

    def update(self, entity: Entity, record_id: object, **values: Any) -> bool:
        """Change one record; False when it is missing or another tenant's. The tenant itself cannot be changed."""
        if _TENANT_COLUMN in values:
            raise ValueError("a record never changes its tenant")
        table = _table(entity)
        statement = self.scoped(update(table), entity).where(_key(table) == record_id).values(**values)
        return self._touched(statement)

    def delete(self, entity: Entity, record_id: object) -> bool:
        """Delete one record; False when it is missing or another tenant's."""
        table = _table(entity)
        return self._touched(self.scoped(delete(table), entity).where(_key(table) == record_id))

    def _touched(self, statement: Update | Delete) -> bool:
        self.session.flush()
        result = self.session.execute(statement.returning(_key(_table(statement.table))))  # type: ignore[arg-type]
        touched = result.first() is not None
        self.session.expire_all()
        return touched
