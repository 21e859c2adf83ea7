"""Fourth step: the task's files become training records; before it the vector tables may be backed up and emptied.

Loading twice doubles nothing: records are told apart by their content. Afterwards trained pairs that a changed schema
has broken go into quarantine.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from common.messages import data_pipeline as texts
from core.vector_store.door import TrainingDoor
from core.vector_store.origin import Origin
from core.vector_store.records import KINDS, Kind, RecordCounts, TrainingItem
from core.vector_store.store import VectorStore
from data_pipeline.errors import PipelineError
from data_pipeline.schema_diff import compare
from data_pipeline.stage import PipelineDatabase, StageContext, StageOutcome
from data_pipeline.table_list import DEFAULT_SCHEMA
from data_pipeline.task_folder import checksum
from data_pipeline.trained_records import Quarantine, TrainedPairs, broken_records
from data_pipeline.training_files import (
    LARGEST_FILE,
    LOAD_ORDER,
    Splitting,
    TrainingFile,
    items_of,
    training_file,
)

LOADED_SCHEMA: Final = "loaded_schema.json"
_BATCH: Final = 50
_SOURCE: Final = "data_pipeline"

AskQuestion = Callable[[str, str, str], str]
"""Question a SQL statement answers, by (sql, tenant, user id); raises `ModelUnavailableError`."""


class VectorTables(Protocol):
    """Backs up and empties the vector tables (docs/contract/databases.md)."""

    def prepare(self, *, task_id: str, folder: Path, stamp: str, truncate: bool) -> Mapping[str, Any]:
        """Write the backup files of `stamp` into `folder/vector_bak`, then empty the table when asked to.

        Called again with the same stamp after a kill it keeps a finished backup as it is. Returns the artifact
        `vector_management`.

        Raises:
            CituError: nothing could be backed up, or emptying failed; nothing was emptied without a backup.
        """
        ...


@dataclass
class _Loaded:
    """What came of the files."""

    item_count: int = 0
    inputs: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    waiting: frozenset[str] = frozenset()


class TrainingLoad:
    """See the module.

    Args:
        door: where the records go; store: counts them.
        splitting: cuts texts into records.
        ask_question: writes the question of plain SQL; without one such files are skipped and named.
        vector_tables: None when this installation cannot back them up; asking for it fails the step then.
        trained: the stored pairs, for the quarantine; quarantine: takes broken ones out of use.
    """

    def __init__(
        self,
        *,
        database: PipelineDatabase,
        door: TrainingDoor,
        store: VectorStore,
        splitting: Splitting,
        trained: TrainedPairs,
        quarantine: Quarantine,
        vector_tables: VectorTables | None = None,
        ask_question: AskQuestion | None = None,
    ) -> None:
        self._database = database
        self._door = door
        self._store = store
        self._splitting = splitting
        self._trained = trained
        self._quarantine = quarantine
        self._vector_tables = vector_tables
        self._ask_question = ask_question

    def run(self, context: StageContext) -> StageOutcome:
        """Load every file that counts.

        Raises:
            PipelineError: there is nothing to load, or nothing of it could be stored.
            ModelUnavailableError: the embedding service does not answer.
            StoreUnavailableError: a database cannot be reached.
        """
        managed = self._manage_vectors(context)
        if context.spec.skips_training:
            return StageOutcome({"skipped": True}, facts={"vector_management": managed} if managed else {})
        loaded = _Loaded()
        before = self._store.count(context.spec.tenant)
        files = [file for name in context.folder.names() if (file := training_file(name)) is not None]
        if not files:
            raise PipelineError(texts.NO_TRAINING_FILES)
        waiting: list[TrainingItem] = []
        for done, file in enumerate(ordered := sorted(files, key=_order), start=1):
            waiting += self._read_file(context, file, loaded)
            if done == len(ordered) or ordered[done].kind != file.kind or len(waiting) >= _BATCH:
                self._store_items(context, file.kind, waiting, loaded)
                waiting = []
            context.advance(file.name, done, len(files))
        after = self._store.count(context.spec.tenant)
        if loaded.waiting:
            context.say(texts.TEXTS_QUARANTINED.format(count=len(loaded.waiting)), level=logging.WARNING)
        if not loaded.item_count and not loaded.waiting:
            raise PipelineError(texts.NOTHING_LOADED.format(detail="; ".join(loaded.problems[:3])))
        context.say(texts.LOADED.format(count=loaded.item_count, added=max(0, after.total - before.total)))
        quarantined = self._put_broken_aside(context)
        return StageOutcome(
            artifact={
                "training_data_dir": str(context.folder.path),
                "load_successful": True,
                "total_records": after.total,
                "data_type_counts": _counts(after),
            },
            inputs=loaded.inputs,
            problems=loaded.problems,
            facts={"quarantined": quarantined}
            | ({"texts_quarantined": len(loaded.waiting)} if loaded.waiting else {})
            | ({"vector_management": managed} if managed else {}),
        )

    def _manage_vectors(self, context: StageContext) -> Mapping[str, Any]:
        """Back up and empty once a run, however often the run is resumed."""
        spec = context.spec
        if not (spec.backs_up_vectors or spec.truncates_vectors):
            return {}
        done: Mapping[str, Any] | None = context.run.noted("vector_management")
        if done is not None:
            return done
        if self._vector_tables is None:
            raise PipelineError(texts.NO_VECTOR_TABLES)
        context.check_cancelled()
        managed = dict(
            self._vector_tables.prepare(
                task_id=spec.task_id,
                folder=context.folder.path,
                stamp=context.run.stamp,
                truncate=spec.truncates_vectors,
            )
        )
        context.run.note("vector_management", managed)
        return managed

    def _read_file(self, context: StageContext, file: TrainingFile, loaded: _Loaded) -> Sequence[TrainingItem]:
        """What one file teaches; a file that cannot be read is a problem, not the end."""
        path = context.folder.file(file.name)
        if path.stat().st_size > LARGEST_FILE:
            self._complain(context, loaded, texts.FILE_TOO_LARGE.format(file=file.name))
            return []
        content = path.read_bytes()
        loaded.inputs[file.name] = checksum(content)
        try:
            items = items_of(file, content, self._splitting)
        except PipelineError as error:
            self._complain(context, loaded, error.message)
            return []
        if file.shape == "sql":
            return self._with_questions(context, file, items, loaded)
        return items

    def _store_items(self, context: StageContext, kind: Kind, items: Sequence[TrainingItem], loaded: _Loaded) -> None:
        for batch in _batches(_storable(kind, items)):
            context.check_cancelled()
            admitted = self._door.admit(context.spec.tenant, kind, batch, Origin(_SOURCE, context.spec.standing))
            loaded.item_count += len(set(admitted.ids) - admitted.waiting)
            loaded.waiting |= admitted.waiting

    def _with_questions(
        self, context: StageContext, file: TrainingFile, items: Sequence[TrainingItem], loaded: _Loaded
    ) -> list[TrainingItem]:
        """Plain SQL with the question a model writes for it."""
        if not items:
            return []
        if self._ask_question is None:
            self._complain(context, loaded, texts.SQL_WITHOUT_QUESTION.format(file=file.name, count=len(items)))
            return []
        asked = []
        for item in items:
            context.check_cancelled()
            question = self._ask_question(item.content, context.spec.tenant, context.spec.user_id)
            asked.append(TrainingItem(item.content, question))
        return asked

    def _put_broken_aside(self, context: StageContext) -> int:
        """Quarantine pairs that the schema's changes since the last load have broken; how many."""
        snapshot = context.run.last_snapshot
        after = context.folder.read_state(snapshot) if snapshot else None
        if not isinstance(after, dict):
            return 0
        before = context.folder.read_state(LOADED_SCHEMA)
        count = 0
        if isinstance(before, dict) and before != after:
            difference = compare(before, after, before.keys())
            schemas = sorted({name.partition(".")[0] for name in after} | {DEFAULT_SCHEMA})
            executor = self._database.executor_for(schemas)
            pairs = self._trained.pairs(context.spec.tenant)
            broken = broken_records(pairs, difference, executor, check=context.check_cancelled)
            count = self._quarantine(context.spec.tenant, broken) if broken else 0
            if count:
                context.say(texts.RECORDS_QUARANTINED.format(count=count), level=logging.WARNING)
        context.folder.write_state(LOADED_SCHEMA, after)
        return count

    @staticmethod
    def _complain(context: StageContext, loaded: _Loaded, problem: str) -> None:
        loaded.problems.append(problem)
        context.say(problem, level=logging.WARNING)


def _order(file: TrainingFile) -> tuple[int, str]:
    return LOAD_ORDER.index(file.shape), file.name


def _storable(kind: Kind, items: Sequence[TrainingItem]) -> list[TrainingItem]:
    """The items the store takes; those with a NUL or a lone surrogate are left out."""
    kept = []
    for item in items:
        try:
            item.document(kind).encode()
        except ValueError:
            continue
        kept.append(item)
    return kept


def _batches(items: Sequence[TrainingItem]) -> Iterator[Sequence[TrainingItem]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _counts(counts: RecordCounts) -> dict[str, int]:
    return {kind: number for kind in KINDS if (number := getattr(counts, kind))}
