"""Who writes the pipeline's texts: the interface and its words. A model or the offline templates fulfil it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from data_pipeline.join_paths import Join, find_joins, is_link
from data_pipeline.schema_reader import BusinessTable


@dataclass(frozen=True)
class TextOrder:
    """On whose account and about what texts are written."""

    tenant: str
    user_id: str
    business_context: str


@dataclass(frozen=True)
class DescribedTable:
    """A table with its comments, and which columns look like enumerations (to be confirmed by looking)."""

    table: BusinessTable
    enum_candidates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Theme:
    """A subject questions are asked about. `related_tables` are names as the table list has them."""

    topic_name: str
    description: str
    related_tables: tuple[str, ...]
    biz_entities: tuple[str, ...] = ()
    biz_metrics: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuestionPair:
    """A question and the SQL that answers it, unchecked."""

    question: str
    sql: str


@dataclass(frozen=True)
class FailedPair:
    """A pair whose SQL was refused, with the reason."""

    pair: QuestionPair
    error: str


@dataclass(frozen=True)
class SchemaMaterial:
    """All tables of the run, with their documentation pages by full name."""

    tables: tuple[BusinessTable, ...]
    documents: Mapping[str, str]

    @cached_property
    def joins(self) -> list[Join]:
        """How the tables hang together."""
        return find_joins(self.tables)

    @cached_property
    def links(self) -> frozenset[str]:
        """Full names of the tables that only connect others."""
        return frozenset(table.full_name for table in self.tables if is_link(table, self.joins))

    @cached_property
    def by_name(self) -> Mapping[str, BusinessTable]:
        """The tables by full name."""
        return {table.full_name: table for table in self.tables}


class PipelineTexts(Protocol):
    """Writes texts; keeps nothing between calls, threads share it.

    Every method raises `ModelUnavailableError` when a model is needed and fails, and `PipelineError` when its answer
    cannot be used. Nothing is made up then.
    """

    @property
    def checks_by_running(self) -> bool:
        """Whether pairs are to be run when they are written and left out when they give no row."""
        ...

    @property
    def can_repair(self) -> bool:
        """Whether `repair` can do anything."""
        ...

    def describe(self, table: BusinessTable, order: TextOrder) -> DescribedTable:
        """The table with comments where something is known about it."""
        ...

    def themes(self, material: SchemaMaterial, order: TextOrder) -> list[Theme]:
        """What questions could be about; each theme's tables are in the material."""
        ...

    def pairs(self, theme: Theme, material: SchemaMaterial, order: TextOrder) -> list[QuestionPair]:
        """Questions about a theme, best first."""
        ...

    def scope(self, themes: Sequence[Theme], material: SchemaMaterial, order: TextOrder) -> str:
        """What the database is about (`db_query_decision_prompt.txt`)."""
        ...

    def repair(self, failed: Sequence[FailedPair], material: SchemaMaterial, order: TextOrder) -> list[str | None]:
        """Another SQL for each, None where there is none; unchecked."""
        ...
