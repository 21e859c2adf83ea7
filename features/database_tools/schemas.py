"""The requests and answers of the database tools (docs/contract/databases.md), as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from common import messages
from common.errors import BadRequestError
from common.messages import database_tools as texts
from features.wire.bodies import parse_body
from features.wire.envelopes import Envelope
from features.wire.values import member_text, text_or_empty

OutputType = Literal["ddl", "md", "both"]
OUTPUT_TYPES: Final[tuple[OutputType, ...]] = ("ddl", "md", "both")
LONGEST_NAME: Final = 1_000
LONGEST_CONTEXT: Final = 10_000
DEFAULT_SCHEMA: Final = "public"


def _at_most(name: str, limit: int) -> Any:
    def check(value: Any) -> str:
        words = text_or_empty(value)
        if len(words) > limit:
            raise PydanticCustomError("wire_text", texts.TOO_LONG.format(name=name, limit=limit))
        return words

    return BeforeValidator(check)


Connection = Annotated[str, _at_most("db_connection", 4_000)]


class TablesRequest(BaseModel):
    """Which tables to list; unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")

    db_connection: Connection = Field("", description="PostgreSQL URL; empty is the configured business database")
    schema_names: Annotated[str, _at_most("schema", LONGEST_NAME)] = Field(
        "", alias="schema", description="Schemas, comma-separated; empty is `public`", examples=["public,ods"]
    )
    table_name_pattern: Annotated[str, _at_most("table_name_pattern", LONGEST_NAME)] = Field(
        "", description="With `%` a LIKE pattern, otherwise `*` stands for anything", examples=["bss_*"]
    )

    @property
    def schemas(self) -> list[str]:
        """The schemas asked for, each once, in order."""
        named = [part.strip() for part in self.schema_names.split(",")]
        return list(dict.fromkeys(part for part in named if part)) or [DEFAULT_SCHEMA]

    @property
    def like(self) -> str | None:
        """The LIKE pattern for table names, None for all."""
        pattern = self.table_name_pattern
        if not pattern or "%" in pattern:
            return pattern or None
        return pattern.replace("\\", "\\\\").replace("_", "\\_").replace("*", "%")


class TableRequest(BaseModel):
    """Which table to describe, and how; unknown members are ignored."""

    model_config = ConfigDict(extra="ignore")

    table: Annotated[str, _at_most("table", LONGEST_NAME)] = Field(
        description="`schema.table`, or a table of schema `public`", examples=["public.bss_company"]
    )
    db_connection: Connection = Field("", description="PostgreSQL URL; empty is the configured business database")
    business_context: str | None = Field(
        "", description="What the database is about; when given, comments are written by the model"
    )
    type: OutputType = Field("ddl", description="What is wanted")

    @property
    def names(self) -> tuple[str, str]:
        """Schema and table."""
        schema, dot, name = self.table.partition(".")
        return (schema, name) if dot else (DEFAULT_SCHEMA, self.table)


def parse_tables(body: Mapping[str, Any]) -> TablesRequest:
    """Raises `BadRequestError`."""
    return parse_body(TablesRequest, _without_falsy(body))


def parse_table(body: Mapping[str, Any]) -> TableRequest:
    """Raises `BadRequestError`; a missing table is reported before a wrong type."""
    body = _without_falsy(body)
    if body.get("table") in (None, ""):
        raise BadRequestError(messages.MISSING_PARAMETER.format(name="table"), missing_params=["table"])
    kind = body.get("type", "ddl")
    if not isinstance(kind, str) or kind not in OUTPUT_TYPES:
        shown = "null" if kind is None else str(kind)[:100]
        raise BadRequestError(texts.TYPE_WRONG.format(value=shown), invalid_params=["type"])
    context = body.get("business_context", "")
    if context is not None:
        words = _context(body)
        return parse_body(TableRequest, {**body, "business_context": words})
    return parse_body(TableRequest, body)


def _without_falsy(body: Mapping[str, Any]) -> dict[str, Any]:
    """0 and false count as not given."""
    names = ("table", "schema", "table_name_pattern", "db_connection")
    return {name: "" if name in names and value in (0, False) else value for name, value in body.items()}


def _context(body: Mapping[str, Any]) -> str:
    name = "business_context"
    words = member_text(body, name)
    if len(words) > LONGEST_CONTEXT:
        raise BadRequestError(texts.TOO_LONG.format(name=name, limit=LONGEST_CONTEXT), invalid_params=[name])
    return words


class Database(BaseModel):
    """The database looked at."""

    database: str


class ListedTables(BaseModel):
    """The tables found."""

    tables: list[str] = Field(description="`schema.table`, sorted")
    total: int
    schemas: list[str]
    db_connection_info: Database
    table_name_pattern: str | None = Field(None, description="Only when one was given")
    response: str
    timestamp: str


TablesEnvelope = Envelope[ListedTables]


class TableInfo(BaseModel):
    """The table as a whole; `row_count` and `table_size` are null when they could not be had in time."""

    table_name: str
    schema_name: str
    full_name: str
    comment: str | None
    field_count: int
    row_count: int | None
    table_size: str | None


class TableField(BaseModel):
    """One column."""

    name: str
    type: str
    nullable: bool
    comment: str | None
    is_primary_key: bool
    is_foreign_key: bool
    default_value: str | None
    is_enum: bool
    enum_values: list[str] | None


class GenerationInfo(BaseModel):
    """How the description came about; `has_llm_comments` says that a context was given, not that a model answered."""

    business_context: str | None
    output_type: str
    has_llm_comments: bool
    database: str


class DescribedTable(BaseModel):
    """A table, described."""

    ddl: str | None = Field(None, description="With type ddl and both; can be executed")
    md: str | None = Field(None, description="With type md and both")
    table_info: TableInfo
    fields: list[TableField]
    generation_info: GenerationInfo
    response: str
    timestamp: str


TableEnvelope = Envelope[DescribedTable]
