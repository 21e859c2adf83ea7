"""First step: reads every listed table and writes its DDL and its documentation page; compares with the last run.

Tables run beside each other; one that fails is recorded and the others go on (contract 5.3). A resumed run takes over
the tables it has finished.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import psycopg

from common.errors import CituError, ServiceUnavailableError
from common.messages import data_pipeline as texts
from core.sql_executor.database_errors import database_sentence, execution_error
from core.sql_executor.reader_connection import ReaderConnection
from data_pipeline import table_records
from data_pipeline.column_roles import column_role
from data_pipeline.ddl_text import render_ddl
from data_pipeline.document_text import render_document
from data_pipeline.errors import PipelineError
from data_pipeline.samples import end, newest_value, read_only, with_enum_values, with_samples
from data_pipeline.schema_diff import compare, snapshot_of
from data_pipeline.schema_reader import BusinessTable, check_permissions, read_table
from data_pipeline.stage import PipelineDatabase, StageContext, StageOutcome
from data_pipeline.table_list import TableList, TableName, parse_table_list
from data_pipeline.task_folder import checksum
from data_pipeline.text_writer import PipelineTexts

TABLE_LIST: Final = "table_list.txt"
MAPPING: Final = "filename_mapping.txt"
DIFFERENCE: Final = "schema_diff.json"
_NAMED: Final = 20
_WAIT_SECONDS: Final = 0.5


@dataclass(frozen=True)
class _Done:
    """One table: as it is described, as the catalogue has it, and the files written; or why not."""

    table: BusinessTable | None = None
    catalogued: BusinessTable | None = None
    files: tuple[str, ...] = ()
    error: str = ""


class DdlGeneration:
    """See the module."""

    def __init__(self, *, database: PipelineDatabase, texts: PipelineTexts) -> None:
        self._database = database
        self._texts = texts

    def run(self, context: StageContext) -> StageOutcome:
        """Write the files of every table.

        Raises:
            PipelineError: there is no usable list, or every table failed.
            StoreUnavailableError: the business database cannot be reached.
        """
        listed, digest = read_table_list(context)
        stems = table_records.stems_of(listed.tables)
        self._check_permissions(context, listed)
        done = self._all_tables(context, stems)
        failed = {table: item.error for table, item in done.items() if item.error}
        if len(failed) == len(done):
            raise PipelineError(texts.ALL_TABLES_FAILED.format(detail=next(iter(failed.values()))))
        succeeded = {table: item for table, item in done.items() if not item.error}
        outputs = [name for item in succeeded.values() for name in item.files]
        outputs.append(context.write(MAPPING, _mapping(stems, succeeded)))
        _set_aside_files_of_other_tables(context, outputs)
        facts = self._compared(context, listed, succeeded, failed)
        if facts["has_diff_file"]:
            outputs.append(DIFFERENCE)
        return StageOutcome(
            artifact={
                "total_tables": len(done),
                "processed_successfully": len(succeeded),
                "failed": len(failed),
                "files_generated": sum(len(item.files) for item in succeeded.values()),
            },
            outputs=outputs,
            inputs={TABLE_LIST: digest},
            problems=[f"{table}: {error}" for table, error in failed.items()],
            facts=facts,
        )

    def _check_permissions(self, context: StageContext, listed: TableList) -> None:
        permissions = check_permissions(self._database.pool, listed.tables)
        if permissions.unreadable:
            names = ", ".join(map(str, permissions.unreadable[:_NAMED]))
            context.say(texts.PERMISSION_WARNING.format(tables=names), level=logging.WARNING)
        if not permissions.is_readonly:
            context.say(texts.WRITABLE_WARNING, level=logging.WARNING)

    def _all_tables(self, context: StageContext, stems: Mapping[TableName, str]) -> dict[TableName, _Done]:
        """Every table's outcome in the order of the list; as many at once as the limits allow."""
        done: dict[TableName, _Done] = {}
        with ThreadPoolExecutor(context.limits.concurrent_tables, thread_name_prefix="pipeline-table") as pool:
            waiting = iter(stems.items())
            running: dict[Future[_Done], TableName] = {}
            try:
                while True:
                    while len(running) < context.limits.concurrent_tables and (item := next(waiting, None)):
                        running[pool.submit(self._one_table, context, *item)] = item[0]
                    if not running:
                        break
                    finished, _ = wait(running, timeout=_WAIT_SECONDS, return_when=FIRST_COMPLETED)
                    for future in finished:
                        table = running.pop(future)
                        done[table] = future.result()
                        _tell(context, table, done[table], len(done), len(stems))
                    context.check_cancelled()
            finally:
                for future in running:
                    future.cancel()
        return {table: done[table] for table in stems}

    def _one_table(self, context: StageContext, name: TableName, stem: str) -> _Done:
        if (finished := _taken_over(context, stem)) is not None:
            return finished
        try:
            catalogued, described = self._described(context, name)
        except ServiceUnavailableError:
            raise
        except CituError as error:
            return _Done(error=error.message)
        files = (
            context.write(f"{stem}.ddl", render_ddl(described)),
            context.write(f"{stem}_detail.md", render_document(described)),
        )
        table_records.write_record(context.folder, context.run.number, stem, described, files)
        table_records.write_record(context.folder, context.run.number, _catalogued(stem), catalogued, ())
        return _Done(described, catalogued, files)

    def _described(self, context: StageContext, name: TableName) -> tuple[BusinessTable, BusinessTable]:
        """The table as the catalogue has it, and with samples, comments and enumerations."""
        with self._reading(context) as connection:
            catalogued = read_table(connection, name, is_denied=self._database.is_denied)
        sampled = self._sampled(context, name, catalogued)
        context.check_cancelled()
        described = self._texts.describe(sampled, context.order)
        try:
            with self._reading(context) as connection:
                looked_at = with_enum_values(connection, described.table, described.enum_candidates, context.limits)
        except PipelineError as error:
            context.say(f"{name}: {error.message}", level=logging.WARNING)
            looked_at = described.table
        return catalogued, looked_at

    def _sampled(self, context: StageContext, name: TableName, table: BusinessTable) -> BusinessTable:
        """A table whose rows cannot be read is described without samples."""
        try:
            with self._reading(context) as connection:
                sampled = with_samples(connection, table, context.limits)
                return _with_newest(connection, sampled, context)
        except PipelineError as error:
            sentence = texts.SAMPLES_FAILED.format(table=name)
            context.say(f"{sentence}: {error.message}", level=logging.WARNING)
            return table

    @contextmanager
    def _reading(self, context: StageContext) -> Iterator[ReaderConnection]:
        """A connection in a read-only transaction; what the server refuses is a `PipelineError`."""
        context.check_cancelled()
        with self._database.pool.connection() as connection:
            try:
                read_only(connection, context.limits.statement_seconds)
                yield connection
            except psycopg.Error as error:
                failure = execution_error(error)
                if isinstance(failure, ServiceUnavailableError):
                    raise failure from error
                raise PipelineError(database_sentence(error)) from error
            finally:
                end(connection)

    def _compared(
        self,
        context: StageContext,
        listed: TableList,
        succeeded: Mapping[TableName, _Done],
        failed: Mapping[TableName, str],
    ) -> dict[str, Any]:
        """Compare with the last run's schema, write the difference, and name the snapshot of this one."""
        last = context.run.last_snapshot
        before = context.folder.read_state(last) if last else None
        after = snapshot_of(item.catalogued for item in succeeded.values() if item.catalogued is not None)
        missing = texts.TABLE_NOT_FOUND
        for table, error in failed.items():
            # a table that could not be read this time is not gone
            if before and str(table) in before and error != missing.format(table=table):
                after[str(table)] = before[str(table)]
        snapshot = f"schema_{context.run.number}.json"
        context.folder.write_state(snapshot, after)
        if before is None:
            return {"snapshot": snapshot, "has_diff_file": False, "failed_tables": list(map(str, failed))}
        difference = compare(before, after, {str(table) for table in listed.tables})
        context.folder.write_json(DIFFERENCE, difference)
        if difference["has_changes"]:
            context.say(
                texts.SCHEMA_CHANGED.format(
                    added=len(difference["added_tables"]),
                    changed=len(difference["changed_tables"]),
                    removed=len(difference["removed_tables"]),
                )
            )
        return {"snapshot": snapshot, "has_diff_file": True, "failed_tables": list(map(str, failed))}


def read_table_list(context: StageContext) -> tuple[TableList, str]:
    """The task's list and the checksum of its file.

    Raises:
        PipelineError: it is missing or names no table.
    """
    path = context.folder.file(TABLE_LIST)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise PipelineError(texts.TABLE_LIST_MISSING.format(path=path)) from None
    listed = parse_table_list(content, context.limits)
    for names, sentence in (
        (listed.invalid, texts.INVALID_NAMES_SKIPPED),
        (listed.system, texts.SYSTEM_TABLES_SKIPPED),
    ):
        if names:
            context.say(sentence.format(names=", ".join(map(str, names[:_NAMED]))), level=logging.WARNING)
    return listed, checksum(content)


def _catalogued(stem: str) -> str:
    """The record of a table as the catalogue has it, beside the described one."""
    return f"{stem}\0catalogued"


def _taken_over(context: StageContext, stem: str) -> _Done | None:
    """What this run already finished before it was interrupted."""
    described = table_records.read_record(context.folder, stem)
    catalogued = table_records.read_record(context.folder, _catalogued(stem))
    if described is None or catalogued is None or {described[0], catalogued[0]} != {context.run.number}:
        return None
    if not all(context.folder.file(name).exists() for name in described[2]):
        return None
    return _Done(described[1], catalogued[1], tuple(described[2]))


def _with_newest(connection: ReaderConnection, table: BusinessTable, context: StageContext) -> BusinessTable:
    if table.estimated_rows > context.limits.large_table_rows:
        return table
    return replace(
        table,
        columns=tuple(
            replace(column, newest=newest_value(connection, table, column.name))
            if column_role(column) == "date"
            else column
            for column in table.columns
        ),
    )


def _tell(context: StageContext, table: TableName, done: _Done, count: int, total: int) -> None:
    if done.error:
        message = texts.TABLE_FAILED.format(table=table, detail=done.error)
        context.advance(str(table), count, total, message, level=logging.ERROR)
    else:
        context.advance(str(table), count, total, texts.TABLE_DONE.format(table=table))


def _set_aside_files_of_other_tables(context: StageContext, outputs: Sequence[str]) -> None:
    """Files an earlier run of this step wrote for tables that are gone now must not be trained any more."""
    for name in context.run.outputs(context.step):
        is_stale = name not in outputs and name.endswith((".ddl", "_detail.md"))
        if is_stale and context.folder.file(name).exists() and context.folder.is_ours(name):
            context.folder.rename(name, f"{name}_old")


def _mapping(stems: Mapping[TableName, str], succeeded: Mapping[TableName, _Done]) -> str:
    lines = sorted(f"{table} -> {stems[table]}_detail.md" for table in succeeded)
    return "\n".join([*texts.MAPPING_HEAD, "", *lines, ""])
