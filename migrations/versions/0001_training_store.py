"""Training store: the two historical vector tables, our own columns after theirs, and a revision per tenant.

The tables may be there already, filled by the older service; then only what is missing is added. The downgrade
removes what is ours and leaves the historical tables with their rows.
"""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from common.errors import ConfigurationError

revision = "0001"
down_revision = None

HISTORICAL = """
CREATE TABLE IF NOT EXISTS langchain_pg_collection (
    uuid uuid CONSTRAINT langchain_pg_collection_pkey PRIMARY KEY,
    name varchar NOT NULL CONSTRAINT langchain_pg_collection_name_key UNIQUE,
    cmetadata json
);
CREATE TABLE IF NOT EXISTS langchain_pg_embedding (
    id varchar CONSTRAINT langchain_pg_embedding_pkey PRIMARY KEY,
    collection_id uuid CONSTRAINT langchain_pg_embedding_collection_id_fkey
        REFERENCES langchain_pg_collection (uuid) ON DELETE CASCADE,
    embedding vector,
    document varchar,
    cmetadata jsonb
);
CREATE INDEX IF NOT EXISTS ix_cmetadata_gin ON langchain_pg_embedding USING gin (cmetadata jsonb_path_ops);
"""

OWN_COLUMNS = """
ALTER TABLE langchain_pg_embedding
    ADD COLUMN IF NOT EXISTS tenant_id varchar(63) NOT NULL DEFAULT 'default',
    ADD COLUMN IF NOT EXISTS content_hash varchar(64),
    ADD COLUMN IF NOT EXISTS embedding_model varchar(200),
    ADD COLUMN IF NOT EXISTS embedding_dimension integer,
    ADD COLUMN IF NOT EXISTS lexical_terms tsvector,
    ADD COLUMN IF NOT EXISTS created_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN langchain_pg_embedding.content_hash IS 'SHA-256 of document; null in rows of older writers';
COMMENT ON COLUMN langchain_pg_embedding.embedding_model
    IS 'who made the vector; null when unknown, then it is not searched';
COMMENT ON COLUMN langchain_pg_embedding.embedding_dimension
    IS 'length of the vector, here so that a filter need not load it';
COMMENT ON COLUMN langchain_pg_embedding.lexical_terms IS 'character bigrams of what is searched for';
CREATE UNIQUE INDEX IF NOT EXISTS uq_langchain_pg_embedding_tenant_content
    ON langchain_pg_embedding (tenant_id, collection_id, content_hash);
CREATE INDEX IF NOT EXISTS ix_langchain_pg_embedding_lexical_terms
    ON langchain_pg_embedding USING gin (lexical_terms);
"""

REVISIONS = """
CREATE TABLE IF NOT EXISTS training_revision (
    tenant_id varchar(63) CONSTRAINT pk_training_revision PRIMARY KEY,
    revision bigint NOT NULL
);

CREATE OR REPLACE FUNCTION training_data_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE training_revision SET revision = revision + 1;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO training_revision AS r (tenant_id, revision)
            SELECT tenant_id, 1 FROM old_rows GROUP BY tenant_id ORDER BY tenant_id
            ON CONFLICT (tenant_id) DO UPDATE SET revision = r.revision + 1;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO training_revision AS r (tenant_id, revision)
            SELECT tenant_id, 1 FROM new_rows GROUP BY tenant_id ORDER BY tenant_id
            ON CONFLICT (tenant_id) DO UPDATE SET revision = r.revision + 1;
    ELSE
        INSERT INTO training_revision AS r (tenant_id, revision)
            SELECT tenant_id, 1 FROM (SELECT tenant_id FROM old_rows UNION SELECT tenant_id FROM new_rows) changed
            GROUP BY tenant_id ORDER BY tenant_id
            ON CONFLICT (tenant_id) DO UPDATE SET revision = r.revision + 1;
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER training_rows_inserted AFTER INSERT ON langchain_pg_embedding
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION training_data_changed();
CREATE OR REPLACE TRIGGER training_rows_updated AFTER UPDATE ON langchain_pg_embedding
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT
    EXECUTE FUNCTION training_data_changed();
CREATE OR REPLACE TRIGGER training_rows_deleted AFTER DELETE ON langchain_pg_embedding
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION training_data_changed();
CREATE OR REPLACE TRIGGER training_rows_truncated AFTER TRUNCATE ON langchain_pg_embedding
    FOR EACH STATEMENT EXECUTE FUNCTION training_data_changed();
"""

REMOVED = """
DROP TRIGGER IF EXISTS training_rows_inserted ON langchain_pg_embedding;
DROP TRIGGER IF EXISTS training_rows_updated ON langchain_pg_embedding;
DROP TRIGGER IF EXISTS training_rows_deleted ON langchain_pg_embedding;
DROP TRIGGER IF EXISTS training_rows_truncated ON langchain_pg_embedding;
DROP FUNCTION IF EXISTS training_data_changed();
DROP TABLE IF EXISTS training_revision;
ALTER TABLE langchain_pg_embedding
    DROP COLUMN IF EXISTS tenant_id,
    DROP COLUMN IF EXISTS content_hash,
    DROP COLUMN IF EXISTS embedding_model,
    DROP COLUMN IF EXISTS embedding_dimension,
    DROP COLUMN IF EXISTS lexical_terms,
    DROP COLUMN IF EXISTS created_at;
"""


def ensure_vector_extension() -> None:
    """Create the extension, or say what an operator has to do.

    Raises:
        ConfigurationError: the server lacks pgvector, or our role may not create the extension.
    """
    connection = op.get_bind()
    if connection.scalar(text("SELECT 1 FROM pg_extension WHERE extname = 'vector'")):
        return
    if not connection.scalar(text("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")):
        raise ConfigurationError(
            "DATABASE_URL: this PostgreSQL server has no pgvector. Install it on the server (Debian and Ubuntu: "
            "postgresql-<version>-pgvector; managed servers: enable 'vector'), or leave DATABASE_URL empty to use "
            "the embedded server"
        )
    may_create = connection.scalar(
        text(
            "SELECT has_database_privilege(current_database(), 'CREATE') AND (trusted OR NOT superuser "
            "OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)) FROM pg_available_extension_versions v "
            "JOIN pg_available_extensions e USING (name) WHERE name = 'vector' AND v.version = e.default_version"
        )
    )
    if not may_create:
        raise ConfigurationError(
            "DATABASE_URL: the role may not create the extension pgvector. Let an administrator run "
            "'CREATE EXTENSION vector' once in this database"
        )
    op.execute("CREATE EXTENSION IF NOT EXISTS vector")


def upgrade() -> None:
    ensure_vector_extension()
    op.execute(HISTORICAL)
    op.execute(OWN_COLUMNS)
    op.execute(REVISIONS)


def downgrade() -> None:
    op.execute(REMOVED)
