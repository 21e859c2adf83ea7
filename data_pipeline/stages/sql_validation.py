"""Third step: every SQL of the pair file is held against the guard and the planner, repaired where a model can.

Nothing is executed. When the file is to be changed, what does not pass is taken out of it; a copy stays beside it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from common.errors import SqlRefusedError, StoreUnavailableError
from common.messages import data_pipeline as texts
from core.sql_executor import SqlExecutor
from data_pipeline import table_records
from data_pipeline.errors import PipelineError
from data_pipeline.identifiers import one_line
from data_pipeline.pair_files import newest_pair_file, read_pair_file, render_items
from data_pipeline.stage import PipelineDatabase, StageContext, StageOutcome
from data_pipeline.stages.ddl_generation import read_table_list
from data_pipeline.table_list import DEFAULT_SCHEMA
from data_pipeline.task_folder import checksum
from data_pipeline.text_writer import FailedPair, PipelineTexts, QuestionPair, SchemaMaterial

_INPUT: Final = "validation.json"
_RETRIES: Final = 2
_RETRY_SECONDS: Final = 0.5
_REPORT_EVERY: Final = 10


@dataclass
class _Findings:
    """By place in the file: pairs, why their SQL is refused, what it was repaired to; seconds of each check."""

    pairs: dict[int, QuestionPair]
    errors: dict[int, str] = field(default_factory=dict)
    repaired: dict[int, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    retries: int = 0
    attempted: int = 0

    @property
    def valid_count(self) -> int:
        return len(self.pairs) - len(self.errors)


class SqlValidation:
    """See the module."""

    def __init__(self, *, database: PipelineDatabase, texts: PipelineTexts) -> None:
        self._database = database
        self._texts = texts

    def run(self, context: StageContext) -> StageOutcome:
        """Check, repair, report.

        Raises:
            PipelineError: there is no pair file, or nothing in it.
            StoreUnavailableError: the business database cannot be reached.
        """
        name, content, repairs = self._input(context)
        file = read_pair_file(name, content)
        if not file.pairs:
            raise PipelineError(texts.NO_PAIRS.format(file=name))
        executor = self._executor(context)
        findings = _Findings(dict(file.pairs))
        self._check_all(context, executor, findings)
        if context.spec.repairs_sql and self._texts.can_repair and findings.errors:
            self._repair_all(context, executor, findings, repairs)
        changes = {"modified": 0, "deleted": 0, "failed_modifications": 0}
        outputs: list[str] = []
        if context.spec.modifies_original_file and (findings.repaired or findings.errors):
            changes, outputs = self._rewrite(context, name, content, file.items, findings)
        artifact = _artifact(findings, changes)
        outputs.append(
            context.write(f"sql_validation_{context.run.stamp}_summary.log", _summary(name, findings, artifact))
        )
        return StageOutcome(artifact, outputs, {name: checksum(content)})

    def _input(self, context: StageContext) -> tuple[str, bytes, dict[str, str]]:
        """The file as it was when this run first looked at it, and repairs already made since."""
        found = context.folder.read_state(_INPUT)
        if isinstance(found, dict) and found.get("run") == context.run.number:
            return found["file"], found["content"].encode("utf-8", "surrogatepass"), dict(found["repairs"])
        name = context.run.facts("qa_generation").get("pair_file")
        if name is None or not context.folder.file(name).exists():
            name = newest_pair_file(context.folder)
        if name is None:
            raise PipelineError(texts.NO_PAIR_FILE)
        content = context.folder.file(name).read_bytes()
        self._remember(context, name, content, {})
        return name, content, {}

    def _remember(self, context: StageContext, name: str, content: bytes, repairs: Mapping[str, str]) -> None:
        state = {"run": context.run.number, "file": name, "content": content.decode("utf-8", "replace"),
                 "repairs": dict(repairs)}  # fmt: skip
        context.folder.write_state(_INPUT, state)

    def _executor(self, context: StageContext) -> SqlExecutor:
        """One whose guard admits the schemas of the table list; without a list, the default schema's."""
        try:
            listed, _ = read_table_list(context)
        except PipelineError:
            return self._database.executor_for([DEFAULT_SCHEMA])
        return self._database.executor_for(sorted({table.schema for table in listed.tables}))

    def _check_all(self, context: StageContext, executor: SqlExecutor, findings: _Findings) -> None:
        total = len(findings.pairs)

        def check(item: tuple[int, QuestionPair]) -> tuple[int, str, float, int]:
            context.check_cancelled()
            started = time.monotonic()
            error, retries = _verdict(executor, item[1].sql)
            return item[0], error, time.monotonic() - started, retries

        with ThreadPoolExecutor(context.limits.concurrent_validations, thread_name_prefix="pipeline-sql") as pool:
            for done, (place, error, seconds, retries) in enumerate(pool.map(check, findings.pairs.items()), start=1):
                findings.seconds.append(seconds)
                findings.retries += retries
                if error:
                    findings.errors[place] = error
                if done % _REPORT_EVERY == 0 or done == total:
                    message = texts.PAIRS_VALIDATED.format(done=done, total=total)
                    context.advance("", done, total, message if done == total else "")

    def _repair_all(
        self, context: StageContext, executor: SqlExecutor, findings: _Findings, repairs: dict[str, str]
    ) -> None:
        """Ask for another SQL, a few at a time; what passes then counts as valid."""
        places = sorted(findings.errors)
        findings.attempted = len(places)
        material = self._material(context)
        size = context.limits.repair_batch
        name, content, _ = self._input(context)
        for start in range(0, len(places), size):
            batch = [place for place in places[start : start + size] if str(place) not in repairs]
            if batch:
                context.check_cancelled()
                failed = [FailedPair(findings.pairs[place], findings.errors[place]) for place in batch]
                answers = self._texts.repair(failed, material, context.order)
                repairs |= {str(place): sql or "" for place, sql in zip(batch, answers, strict=True)}
                self._remember(context, name, content, repairs)
        for place in places:
            repaired = " ".join(repairs[str(place)].split())
            if repaired and not _verdict(executor, repaired)[0]:
                findings.repaired[place] = repaired
                del findings.errors[place]

    def _material(self, context: StageContext) -> SchemaMaterial:
        """What the first step knows about the listed tables, for the repair's prompt."""
        try:
            listed, _ = read_table_list(context)
        except PipelineError:
            return SchemaMaterial((), {})
        stems = table_records.stems_of(listed.tables)
        records = [table_records.read_record(context.folder, stem) for stem in stems.values()]
        return SchemaMaterial(tuple(record[1] for record in records if record is not None), {})

    def _rewrite(
        self, context: StageContext, name: str, content: bytes, items: Sequence[Any], findings: _Findings
    ) -> tuple[dict[str, int], list[str]]:
        """Put repaired SQL in and take refused pairs out; items that are no pairs stay as they are."""
        backup = context.folder.write(f"{name}.backup", content.decode("utf-8", "replace"))
        kept = [
            item | {_sql_key(item): findings.repaired[place]} if place in findings.repaired else item
            for place, item in enumerate(items)
            if place not in findings.errors
        ]
        context.folder.write(name, render_items(kept), keeps_edits=False)
        log = context.write(f"file_modifications_{context.run.stamp}.log", _changes(name, findings))
        context.say(f"{texts.CHANGES_FILE}: {name}")
        changes = {"modified": len(findings.repaired), "deleted": len(findings.errors), "failed_modifications": 0}
        return changes, [name, backup, log]


def _verdict(executor: SqlExecutor, sql: str) -> tuple[str, int]:
    """Why the SQL is refused, empty when it passes, and how often it had to be asked again."""
    for attempt in range(_RETRIES + 1):
        try:
            verdict = executor.explain(sql)
        except SqlRefusedError as error:
            return error.message, attempt
        except StoreUnavailableError:
            if attempt == _RETRIES:
                raise
            time.sleep(_RETRY_SECONDS)
            continue
        return ("" if verdict.is_accepted else verdict.detail or texts.REPORT_ERROR), attempt
    raise AssertionError


def _sql_key(item: Mapping[str, Any]) -> str:
    return next(key for key in item if str(key).lower() == "sql")


def _artifact(findings: _Findings, changes: Mapping[str, int]) -> dict[str, Any]:
    total = len(findings.pairs)
    return {
        "original_sql_count": total,
        "valid_sql_count": findings.valid_count,
        "invalid_sql_count": len(findings.errors),
        "success_rate": findings.valid_count / total,
        "repair_stats": {
            "attempted": findings.attempted,
            "successful": len(findings.repaired),
            "failed": findings.attempted - len(findings.repaired),
        },
        "file_modification_stats": dict(changes),
        "average_execution_time": sum(findings.seconds) / len(findings.seconds),
        "total_retries": findings.retries,
    }


def _summary(name: str, findings: _Findings, artifact: Mapping[str, Any]) -> str:
    values = {**artifact, **artifact["repair_stats"], "file": name, "rate": f"{artifact['success_rate']:.2%}"}
    lines = [texts.REPORT_TITLE, *(f"{label}: {values[key]}" for label, key in texts.REPORT_LINES)]
    if findings.errors:
        lines += ["", texts.REPORT_INVALID]
        for place, error in sorted(findings.errors.items()):
            lines += [*_about(findings.pairs[place]), f"  {texts.REPORT_ERROR}: {one_line(error)}"]
    return "\n".join([*lines, ""])


def _changes(name: str, findings: _Findings) -> str:
    lines = [texts.CHANGES_TITLE, f"{texts.CHANGES_FILE}: {name}", "", texts.CHANGES_MODIFIED]
    for place, sql in sorted(findings.repaired.items()):
        pair = findings.pairs[place]
        lines += [f"- {texts.REPORT_QUESTION}: {one_line(pair.question)}",
                  f"  {texts.CHANGES_BEFORE}: {one_line(pair.sql)}", f"  {texts.CHANGES_AFTER}: {sql}"]  # fmt: skip
    lines += ["", texts.CHANGES_DELETED]
    for place, error in sorted(findings.errors.items()):
        lines += [*_about(findings.pairs[place]), f"  {texts.REPORT_ERROR}: {one_line(error)}"]
    return "\n".join([*lines, ""])


def _about(pair: QuestionPair) -> list[str]:
    return [f"- {texts.REPORT_QUESTION}: {one_line(pair.question)}", f"  SQL: {one_line(pair.sql)}"]
