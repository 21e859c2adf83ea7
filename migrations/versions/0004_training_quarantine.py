"""Training records waiting for approval before they are used, and pairs found again by their question.

Expand only: older releases do not know what is new here. The functions read documents of any writer; what is no pair
gives null, never an error.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"

QUARANTINE = """
CREATE TABLE IF NOT EXISTS training_quarantine (
    id varchar(64) CONSTRAINT pk_training_quarantine PRIMARY KEY,
    tenant_id varchar(63) NOT NULL,
    training_data_type varchar(20) NOT NULL,
    question text NOT NULL,
    content text NOT NULL,
    reasons jsonb NOT NULL,
    source varchar(40) NOT NULL,
    replaces_id text,
    status varchar(10) NOT NULL DEFAULT 'pending'
        CONSTRAINT ck_training_quarantine_status CHECK (status IN ('pending', 'approved', 'rejected')),
    created_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz
);
COMMENT ON COLUMN training_quarantine.id IS 'the id the training record gets when it is approved';
COMMENT ON COLUMN training_quarantine.replaces_id IS 'the record an approved one takes the place of';
CREATE INDEX IF NOT EXISTS ix_training_quarantine_tenant_id_status_created_at
    ON training_quarantine (tenant_id, status, created_at);
"""

PAIRS = r"""
CREATE OR REPLACE FUNCTION training_pair(document text) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    parsed jsonb;
BEGIN
    IF left(ltrim(document), 1) <> '{' THEN
        RETURN NULL;
    END IF;
    parsed := document::jsonb;
    RETURN CASE WHEN jsonb_typeof(parsed) = 'object' AND parsed ->> 'sql' IS NOT NULL THEN parsed END;
EXCEPTION WHEN others THEN
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION training_question_key(question text) RETURNS text LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN nullif(md5(regexp_replace(
        rtrim(lower(normalize(question, NFKC) COLLATE "C"), E' \t\r\n.,;:?!。、'),
        '[[:space:]?!。，、]+' COLLATE "C", '', 'g')), md5(''));
END $$;

CREATE INDEX IF NOT EXISTS ix_langchain_pg_embedding_question_key
    ON langchain_pg_embedding (tenant_id, training_question_key(training_pair(document) ->> 'question'));
"""

REMOVED = """
DROP INDEX IF EXISTS ix_langchain_pg_embedding_question_key;
DROP FUNCTION IF EXISTS training_question_key(text);
DROP FUNCTION IF EXISTS training_pair(text);
DROP TABLE IF EXISTS training_quarantine;
"""


def upgrade() -> None:
    op.execute(QUARANTINE)
    op.execute(PAIRS)


def downgrade() -> None:
    op.execute(REMOVED)
