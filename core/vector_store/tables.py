"""The tables of the training store. Names and first columns are historical, so old backups and readers fit."""

from __future__ import annotations

from typing import Final

from pgvector.sqlalchemy import VECTOR
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR

from core.database import Base

COLLECTION: Final = Table(
    "langchain_pg_collection",
    Base.metadata,
    Column("uuid", Uuid, primary_key=True),
    Column("name", String, nullable=False),
    Column("cmetadata", JSON),
    UniqueConstraint("name", name="langchain_pg_collection_name_key"),
)

EMBEDDING: Final = Table(
    "langchain_pg_embedding",
    Base.metadata,
    Column("id", String, primary_key=True),
    Column("collection_id", Uuid, ForeignKey(COLLECTION.c.uuid, ondelete="CASCADE")),
    Column("embedding", VECTOR()),
    Column("document", String),
    Column("cmetadata", JSONB),
    Column("tenant_id", String(63), nullable=False, server_default="default"),
    Column("content_hash", String(64), comment="SHA-256 of document; null in rows of older writers"),
    Column("embedding_model", String(200), comment="who made the vector; null when unknown, then it is not searched"),
    Column("embedding_dimension", Integer, comment="length of the vector, here so that a filter need not load it"),
    Column("lexical_terms", TSVECTOR, comment="character bigrams of what is searched for"),
    Column("created_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    Column("reviewed_at", DateTime(timezone=True), comment="when an administrator vouched for it, else null"),
    Column(
        "review_key",
        String(32),
        comment="of a reviewed pair: equal for questions that ask the same in other words or order",
    ),
    Column(
        "waits_for",
        JSONB(none_as_null=True),
        comment="why it is not searched before an administrator approves it; null in records that are used",
    ),
    Index("ix_cmetadata_gin", "cmetadata", postgresql_using="gin", postgresql_ops={"cmetadata": "jsonb_path_ops"}),
    Index("ix_langchain_pg_embedding_lexical_terms", "lexical_terms", postgresql_using="gin"),
    Index(
        "ix_langchain_pg_embedding_question_key",
        "tenant_id",
        text("training_question_key(training_pair(document) ->> 'question')"),
    ),
    Index(
        "ix_langchain_pg_embedding_review_key",
        "tenant_id",
        "review_key",
        postgresql_where=text("review_key IS NOT NULL"),
    ),
    Index("uq_langchain_pg_embedding_tenant_content", "tenant_id", "collection_id", "content_hash", unique=True),
)

REVISION: Final = Table(
    "training_revision",
    Base.metadata,
    Column("tenant_id", String(63), primary_key=True),
    Column("revision", BigInteger, nullable=False),
)
