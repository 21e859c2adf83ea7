"""Runs migrations on the connection `core.schema_migrations` hands over, or on the URL given with `-x url=`."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlalchemy.pool import NullPool

from core import read_only_mode  # noqa: F401  (its table joins the metadata)
from core.database import Base, sqlalchemy_url
from core.llm import usage_store  # noqa: F401  (its table joins the metadata)
from core.vector_store import tables  # noqa: F401  (its tables join the metadata)
from features.feedback import repository  # noqa: F401  (its table joins the metadata)
from features.pipeline_tasks import tables as pipeline_tables  # noqa: F401  (its tables join the metadata)
from features.training_data import quarantine_repository  # noqa: F401  (its table joins the metadata)

METADATA = Base.metadata
OWNED_BY_OTHERS = ("checkpoint",)


def is_ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out tables that libraries create for themselves."""
    return kind != "table" or not (name or "").startswith(OWNED_BY_OTHERS)


def migrate(connection: Connection) -> None:
    """Apply what is asked for, each migration in a transaction of its own."""
    context.configure(
        connection=connection, target_metadata=METADATA, transaction_per_migration=True, include_name=is_ours
    )
    with context.begin_transaction():
        context.run_migrations()


def author_url() -> str:
    url = context.get_x_argument(as_dictionary=True).get("url")
    if not url:
        raise SystemExit("name the database: alembic -x url=postgresql://user:password@host/database …")
    return str(url)


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    migrate(handed_over)
elif context.is_offline_mode():
    context.configure(url=sqlalchemy_url(author_url()), target_metadata=METADATA, literal_binds=True)
    context.run_migrations()
else:
    with create_engine(sqlalchemy_url(author_url()), poolclass=NullPool).connect() as opened:
        migrate(opened)
