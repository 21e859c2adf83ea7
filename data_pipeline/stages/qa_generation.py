"""Second step: themes, question/SQL pairs for each, and the files that describe what the database is about.

Themes run one after the other; finished ones are kept, so an interrupted run goes on with the next.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, Final

from common.errors import SqlExecutionError, SqlRefusedError
from common.messages import data_pipeline as texts
from core.sql_executor import SqlExecutor
from data_pipeline import table_records
from data_pipeline.errors import PipelineError
from data_pipeline.identifiers import one_line
from data_pipeline.pair_files import clean_pair, pair_file_name, render_pairs, set_aside
from data_pipeline.schema_reader import BusinessTable, read_table
from data_pipeline.stage import PipelineDatabase, StageContext, StageOutcome
from data_pipeline.stages.ddl_generation import TABLE_LIST, read_table_list
from data_pipeline.table_list import TableName
from data_pipeline.task_folder import file_checksum
from data_pipeline.text_writer import PipelineTexts, QuestionPair, SchemaMaterial, Theme
from data_pipeline.theme_files import render_metadata, render_metadata_document

METADATA: Final = "metadata.txt"
METADATA_DOCUMENT: Final = "metadata_detail.md"
SCOPE: Final = "db_query_decision_prompt.txt"
_THEMES: Final = "themes.json"
_NAMED: Final = 5
_OFFLINE_FACTOR: Final = 2
_MOST_PAIRS: Final = 3_000  # of templates in one task; more would crowd out what people train
_LEAST_PAIRS: Final = 4


class QaGeneration:
    """See the module."""

    def __init__(self, *, database: PipelineDatabase, texts: PipelineTexts) -> None:
        self._database = database
        self._texts = texts

    def run(self, context: StageContext) -> StageOutcome:
        """Write themes and pairs.

        Raises:
            PipelineError: files of the first step are missing, or no theme gave any pair.
            ModelUnavailableError: the model does not answer.
        """
        material, inputs = self._material(context)
        if not context.run.noted("pairs_set_aside"):
            set_aside(context.folder)
            context.run.note("pairs_set_aside", True)
        progress = _Progress(context)
        if progress.themes is None:
            context.begin(texts.CHOOSING_THEMES)
            progress.begin(self._texts.themes(material, context.order))
        themes = progress.themes or []
        if not themes:
            raise PipelineError(texts.NO_THEMES)
        self._write_pairs(context, material, progress)
        pairs = progress.pairs()
        if not pairs:
            detail = next(iter(progress.failed.values()), texts.NO_THEMES)
            raise PipelineError(texts.ALL_THEMES_FAILED.format(detail=detail))
        return self._outcome(context, material, progress, pairs, inputs)

    def _outcome(
        self,
        context: StageContext,
        material: SchemaMaterial,
        progress: _Progress,
        pairs: Sequence[QuestionPair],
        inputs: dict[str, str],
    ) -> StageOutcome:
        themes = progress.themes or []
        stamp = context.run.stamp
        name = context.write(pair_file_name(context.spec.database_name, stamp), render_pairs(pairs))
        outputs = [name, *self._write_descriptions(context, material, themes, progress)]
        if progress.failed:
            left = {"themes": [asdict(theme) for theme in themes], "results": progress.results,
                    "failed_themes": progress.failed}  # fmt: skip
            outputs.append(context.folder.write_json(f"qs_intermediate_{stamp}.json", left))
        return StageOutcome(
            artifact={
                "output_file": str(context.folder.file(name)),
                "total_questions": len(pairs),
                "total_themes": len(themes),
                "successful_themes": len(themes) - len(progress.failed),
                "failed_themes": list(progress.failed),
            },
            outputs=outputs,
            inputs=inputs,
            problems=[f"{theme}: {error}" for theme, error in progress.failed.items()],
            facts={"pair_file": name},
        )

    def _material(self, context: StageContext) -> tuple[SchemaMaterial, dict[str, str]]:
        """The tables of the list with their pages, as they stand in the folder now."""
        listed, digest = read_table_list(context)
        failed = set(context.run.facts("ddl_generation").get("failed_tables", ()))
        stems = {
            table: stem for table, stem in table_records.stems_of(listed.tables).items() if str(table) not in failed
        }
        inputs: dict[str, str] = {TABLE_LIST: digest}
        missing: list[str] = []
        tables: list[BusinessTable] = []
        documents: dict[str, str] = {}
        for table, stem in stems.items():
            sums = {name: file_checksum(context.folder.file(name)) for name in (f"{stem}.ddl", f"{stem}_detail.md")}
            if None in sums.values():
                missing.append(str(table))
                continue
            inputs |= {name: digest for name, digest in sums.items() if digest}
            page = context.folder.file(f"{stem}_detail.md").read_text("utf-8", errors="replace")
            tables.append(self._table(context, table, stem))
            documents[tables[-1].full_name] = page
        if missing or not tables:
            detail = texts.FILES_MISSING.format(tables=", ".join(missing[:_NAMED]))
            raise PipelineError(texts.FILES_NOT_VALID.format(detail=detail))
        return SchemaMaterial(tuple(tables), documents), inputs

    def _table(self, context: StageContext, table: TableName, stem: str) -> BusinessTable:
        """As the first step recorded it; read again when its files came by upload."""
        record = table_records.read_record(context.folder, stem)
        if record is not None:
            return record[1]
        context.check_cancelled()
        with self._database.pool.connection() as connection:
            return read_table(connection, table, is_denied=self._database.is_denied)

    def _write_pairs(self, context: StageContext, material: SchemaMaterial, progress: _Progress) -> None:
        """Every theme's pairs; a theme whose answer cannot be used is recorded, and the others go on."""
        themes = progress.themes or []
        executor = self._database.executor_for(sorted({table.schema for table in material.tables}))
        for number, theme in enumerate(themes):
            done = number + 1
            if progress.has(theme):
                continue
            context.check_cancelled()
            try:
                written = self._texts.pairs(theme, material, context.order)
            except PipelineError as error:
                progress.fail(number, theme, error.message)
                message = texts.THEME_FAILED.format(theme=theme.topic_name, detail=error.message)
                context.advance(theme.topic_name, done, len(themes), message, level=logging.ERROR)
                continue
            kept = self._select_pairs(context, executor, written, len(themes))
            progress.add(number, theme, kept)
            message = texts.THEME_DONE.format(theme=theme.topic_name, count=len(kept))
            context.advance(theme.topic_name, done, len(themes), message)

    def _select_pairs(
        self, context: StageContext, executor: SqlExecutor, written: Sequence[QuestionPair], themes: int
    ) -> list[QuestionPair]:
        """The pairs worth keeping: at most the limit, and those from templates only when they run and give rows."""
        cleaned = [clean for pair in written if (clean := clean_pair(pair)) is not None]
        if not self._texts.checks_by_running:
            return cleaned[: context.limits.questions_per_theme]

        def runs(pair: QuestionPair) -> bool:
            context.check_cancelled()
            try:
                return bool(executor.run(pair.sql, cancel=context.cancel).result.rows)
            except (SqlRefusedError, SqlExecutionError) as error:
                context.say(f"{pair.sql}: {error.message}", level=logging.DEBUG)
                return False

        most = max(_LEAST_PAIRS, min(context.limits.questions_per_theme * _OFFLINE_FACTOR, _MOST_PAIRS // themes))
        good: list[QuestionPair] = []
        with ThreadPoolExecutor(context.limits.concurrent_validations, thread_name_prefix="pipeline-pair") as pool:
            for start in range(0, len(cleaned), most):
                chunk = cleaned[start : start + most]
                good += [pair for pair, is_good in zip(chunk, pool.map(runs, chunk), strict=True) if is_good]
                if len(good) >= most:
                    break
        return good[:most]

    def _write_descriptions(
        self, context: StageContext, material: SchemaMaterial, themes: Sequence[Theme], progress: _Progress
    ) -> list[str]:
        spec = context.spec
        metadata = render_metadata(
            themes,
            business_context=spec.business_context,
            database=spec.database_name,
            created=_readable(context.run.stamp),
        )
        scope = progress.scope
        if scope is None:
            context.check_cancelled()
            scope = self._texts.scope(themes, material, context.order)
            progress.remember_scope(scope)
        return [
            context.write(METADATA, metadata),
            context.write(METADATA_DOCUMENT, render_metadata_document(themes)),
            context.write(SCOPE, scope),
        ]


class _Progress:
    """What this run has of themes and pairs, on disk after every theme, a file each."""

    def __init__(self, context: StageContext) -> None:
        self._folder = context.folder
        self._run = context.run.number
        data = self._read(_THEMES)
        self.themes: list[Theme] | None = [_theme(item) for item in data["themes"]] if data else None
        self.scope: str | None = data.get("scope")
        self.results: dict[str, list[dict[str, str]]] = {}
        self.failed: dict[str, str] = {}
        for number, theme in enumerate(self.themes or []):
            if not (done := self._read(_file_of(number))):
                continue
            if done["error"]:
                self.failed[theme.topic_name] = done["error"]
            else:
                self.results[theme.topic_name] = done["pairs"]

    def begin(self, themes: Sequence[Theme]) -> None:
        self.themes = list({one_line(theme.topic_name): theme for theme in themes}.values())
        self._save_themes()

    def has(self, theme: Theme) -> bool:
        return theme.topic_name in self.results or theme.topic_name in self.failed

    def add(self, number: int, theme: Theme, pairs: Sequence[QuestionPair]) -> None:
        self.results[theme.topic_name] = [asdict(pair) for pair in pairs]
        self._write(_file_of(number), {"pairs": self.results[theme.topic_name], "error": ""})

    def fail(self, number: int, theme: Theme, error: str) -> None:
        self.failed[theme.topic_name] = error
        self._write(_file_of(number), {"pairs": [], "error": error})

    def remember_scope(self, scope: str) -> None:
        self.scope = scope
        self._save_themes()

    def pairs(self) -> list[QuestionPair]:
        """All pairs in the order of the themes, each question once."""
        found: dict[str, QuestionPair] = {}
        for theme in self.themes or []:
            for item in self.results.get(theme.topic_name, []):
                found.setdefault(item["question"], QuestionPair(item["question"], item["sql"]))
        return list(found.values())

    def _save_themes(self) -> None:
        self._write(_THEMES, {"themes": [asdict(theme) for theme in self.themes or []], "scope": self.scope})

    def _write(self, name: str, value: dict[str, Any]) -> None:
        self._folder.write_state(name, value | {"run": self._run})

    def _read(self, name: str) -> dict[str, Any]:
        found = self._folder.read_state(name)
        return found if isinstance(found, dict) and found.get("run") == self._run else {}


def _file_of(number: int) -> str:
    return f"theme_{number}.json"


def _theme(data: dict[str, Any]) -> Theme:
    return Theme(
        data["topic_name"],
        data["description"],
        tuple(data["related_tables"]),
        tuple(data["biz_entities"]),
        tuple(data["biz_metrics"]),
    )


def _readable(stamp: str) -> str:
    day, _, time = stamp.partition("_")
    return f"{day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}:{time[4:]}"
