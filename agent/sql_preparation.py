"""From a question to SQL that the guard and the database's planner accept, with one repair (docs/contract/agent.md).

Called by the graph's generation node. A brain may ask once to look at the data first; that query passes the same guard.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from common import messages
from common.answering import Brain, LookedUp, Question, ResultSet, SqlDraft, SqlRequest
from common.cancellation import CancelFlag
from common.errors import SqlExecutionError, SqlRefusedError
from core.async_bridge import run_blocking
from core.sql_executor import PlannedQuery, SqlExecutor
from core.sql_guard import is_repairable

PROMPTS_BY_REASON = {
    "missing_database_info": messages.MISSING_DATABASE_INFO,
    "ambiguous_question": messages.AMBIGUOUS_QUESTION,
    "unknown_generation_failure": messages.UNKNOWN_GENERATION_FAILURE,
}
EXPLAINED_REASONS = frozenset({"llm_explanation", "invalid_sql_format"})
FIRST_WORD = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True)
class PreparedSql:
    """The outcome of generation; `sql` is admitted only when `user_prompt` and `explanation` are both None.

    `attempts` is the number of statements written, `looked_up_by` the query that was run before the real one,
    `planned` what guard and planner found, for the executor, `note` what the brain says of how it understood a word.
    Of several `candidates` so many are `agreeing` with this one; `records` are its rows, which were read to compare.
    """

    path_token: str
    sql: str | None = None
    explanation: str | None = None
    user_prompt: str | None = None
    validation_error_type: str | None = None
    based_on: tuple[str, ...] = ()
    attempts: int = 1
    looked_up_by: str | None = None
    planned: PlannedQuery | None = field(default=None, repr=False, compare=False)
    note: str = ""
    records: ResultSet | None = field(default=None, repr=False, compare=False)
    candidates: int = 1
    agreeing: int = 1

    @property
    def is_repaired(self) -> bool:
        return self.path_token.startswith("sql_repair_success")


@dataclass(frozen=True)
class Objection:
    """Why a statement is not admitted. `detail` is for the repair, `is_repairable` says whether one may be tried."""

    kind: str
    prompt: str
    detail: str
    is_repairable: bool


@dataclass(frozen=True)
class CheckRules:
    """Checks besides the guard's, which always decides; none of these can admit what it refuses.

    Args:
        forbidden_operations: first words of statements, in capitals, that are refused by name without asking further.
        asks_planner: whether the database plans a statement before it is run.
        repairs: whether a statement the planner or the guard's grammar objects to may be repaired once.
        repair_timeout_seconds: what the repair may take.
    """

    forbidden_operations: frozenset[str] = frozenset()
    asks_planner: bool = True
    repairs: bool = True
    repair_timeout_seconds: float = 60.0


class SqlPreparation:
    """Writes, checks and repairs; the same checks apply to the first, the looking-up and the repaired statement."""

    def __init__(self, *, brain: Brain, executor: SqlExecutor, rules: CheckRules) -> None:
        self._brain = brain
        self._executor = executor
        self._rules = rules

    async def prepare(self, question: Question, request: SqlRequest) -> PreparedSql:
        """SQL ready to run, or the reason there is none.

        Raises:
            ServiceUnavailableError: model or business database cannot be reached.
        """
        if not request.schema.tables:
            return _without_sql(SqlDraft(explanation=messages.NO_READABLE_TABLES, reason="missing_database_info"))
        brain = self._brain.on_behalf_of(question)
        draft = await brain.write_sql(request)
        if not draft.is_intermediate:
            return await self._checked(brain, request, draft)
        objection = await self._objection(draft.sql, asks_planner=False)
        if isinstance(objection, Objection) and objection.kind == "forbidden_keywords":
            return _refused(objection, draft)
        informed = replace(request, looked_up=await self._look_up(draft.sql))
        final = await brain.write_sql(informed)
        if final.is_intermediate:
            final = SqlDraft(explanation=messages.UNKNOWN_GENERATION_FAILURE, reason="unknown_generation_failure")
        prepared = await self._checked(brain, informed, final)
        return replace(prepared, attempts=prepared.attempts + 1, looked_up_by=draft.sql)

    async def _checked(self, brain: Brain, request: SqlRequest, draft: SqlDraft) -> PreparedSql:
        if not draft.sql:
            return _without_sql(draft)
        objection = await self._objection(draft.sql)
        if not isinstance(objection, Objection):
            return PreparedSql(
                "agent_sql_generation", sql=draft.sql, based_on=draft.based_on, planned=objection, note=draft.note
            )
        if not (objection.is_repairable and self._rules.repairs and self._rules.asks_planner):
            return _refused(objection, draft)
        return replace(await self._repair(brain, request, draft, objection), attempts=2)

    async def _look_up(self, sql: str) -> LookedUp:
        """Run the brain's own query; an error of the database goes back to the brain like a result."""
        caller_left = CancelFlag()
        try:
            result = await run_blocking(partial(self._executor.execute, sql, cancel=caller_left))
        except asyncio.CancelledError:
            caller_left.set()
            raise
        except (SqlRefusedError, SqlExecutionError) as error:
            return LookedUp(sql, problem=error.message)
        return LookedUp(sql, result)

    async def _repair(self, brain: Brain, request: SqlRequest, draft: SqlDraft, objection: Objection) -> PreparedSql:
        try:
            async with asyncio.timeout(self._rules.repair_timeout_seconds):
                repaired = await brain.repair_sql(request, draft.sql, objection.detail)
        except TimeoutError:
            seconds = int(self._rules.repair_timeout_seconds)
            return _unrepaired(draft.sql, messages.SQL_REPAIR_TIMEOUT.format(seconds=seconds))
        if not repaired.sql:
            return _unrepaired(draft.sql, _why_unrepaired(repaired, objection))
        still = await self._objection(repaired.sql)
        if not isinstance(still, Objection):
            based_on = repaired.based_on or draft.based_on
            note = repaired.note or draft.note
            return PreparedSql("sql_repair_success", sql=repaired.sql, based_on=based_on, planned=still, note=note)
        if still.kind == "forbidden_keywords":
            return _refused(still, repaired)
        return _unrepaired(repaired.sql, messages.SQL_REPAIR_FAILED.format(detail=still.detail))

    async def _objection(self, sql: str, *, asks_planner: bool | None = None) -> Objection | PlannedQuery | None:
        """What `_object` finds; guard and planner are stopped when the caller leaves."""
        caller_left = CancelFlag()
        try:
            return await run_blocking(partial(self._object, sql, caller_left, asks_planner=asks_planner))
        except asyncio.CancelledError:
            caller_left.set()
            raise

    def _object(
        self, sql: str, caller_left: CancelFlag, *, asks_planner: bool | None = None
    ) -> Objection | PlannedQuery | None:
        """The list's objection, else the guard's, else the planner's, else its plan; None when it was not asked."""
        if (operation := _first_word(sql)) in self._rules.forbidden_operations:
            prompt = messages.SQL_OPERATION_FORBIDDEN.format(operation=operation)
            return Objection("forbidden_keywords", prompt, prompt, is_repairable=False)
        try:
            if not (self._rules.asks_planner if asks_planner is None else asks_planner):
                self._executor.check(sql, cancel=caller_left)
                return None
            verdict = self._executor.explain(sql, cancel=caller_left)
        except SqlRefusedError as error:
            return _guard_objection(error, sql)
        if verdict.is_accepted:
            return verdict.planned
        prompt = messages.SQL_VALIDATION_FAILED.format(detail=verdict.detail)
        return Objection("syntax_error", prompt, verdict.detail, is_repairable=not verdict.is_too_costly)


def forbidden_words(names: Sequence[str]) -> frozenset[str]:
    """The operations of a setting as `CheckRules.forbidden_operations` has them."""
    return frozenset(name.strip().upper() for name in names if name.strip())


def _first_word(sql: str) -> str:
    word = FIRST_WORD.match(sql.lstrip())
    return word[0].upper() if word else ""


def _guard_objection(error: SqlRefusedError, sql: str) -> Objection:
    """A statement that is written wrongly may be repaired; a forbidden one may not."""
    if is_repairable(error.rule):
        prompt = messages.SQL_VALIDATION_FAILED.format(detail=error.message)
        return Objection("syntax_error", prompt, error.message, is_repairable=True)
    prompt = _forbidden_prompt(error, sql)
    return Objection("forbidden_keywords", prompt, error.message, is_repairable=False)


def _forbidden_prompt(error: SqlRefusedError, sql: str) -> str:
    """A statement of another kind is named by its first word, as clients have always read it."""
    word = FIRST_WORD.match(sql, (error.position or 1) - 1) if error.rule == "statement.kind" else None
    return messages.SQL_OPERATION_FORBIDDEN.format(operation=word[0].upper()) if word else error.message


def _without_sql(draft: SqlDraft) -> PreparedSql:
    if draft.reason in EXPLAINED_REASONS:
        text = draft.explanation + messages.EXPLANATION_SUFFIX
        return PreparedSql(
            "agent_sql_generation", explanation=text, validation_error_type=draft.reason, based_on=draft.based_on
        )
    prompt = draft.explanation or PROMPTS_BY_REASON.get(draft.reason, messages.UNKNOWN_GENERATION_FAILURE)
    kind = draft.reason or "unknown_generation_failure"
    return PreparedSql(
        "agent_sql_generation_failed", user_prompt=prompt, validation_error_type=kind, based_on=draft.based_on
    )


def _refused(objection: Objection, draft: SqlDraft) -> PreparedSql:
    is_forbidden = objection.kind == "forbidden_keywords"
    token = "forbidden_keywords_failed" if is_forbidden else "sql_validation_failed"
    return PreparedSql(
        token,
        sql=draft.sql,
        user_prompt=objection.prompt,
        validation_error_type=objection.kind,
        based_on=draft.based_on,
    )


def _why_unrepaired(repaired: SqlDraft, objection: Objection) -> str:
    """A brain's own reason with what was objected to; a model that said nothing, or something without SQL."""
    if repaired.reason == "syntax_repair_failed" and repaired.explanation:
        return messages.SQL_NOT_REPAIRED.format(reason=repaired.explanation, detail=objection.detail)
    return messages.SQL_REPAIR_WITHOUT_SQL if repaired.said else messages.SQL_REPAIR_EMPTY


def _unrepaired(sql: str, prompt: str) -> PreparedSql:
    return PreparedSql("sql_repair_failed", sql=sql, user_prompt=prompt, validation_error_type="syntax_repair_failed")
