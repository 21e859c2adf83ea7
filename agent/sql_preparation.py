"""From a question to SQL that the guard and the database's planner accept, with one repair (contract 50 sections 5, 6).

Called by the graph's generation node; nothing is executed here but EXPLAIN.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from common import messages
from common.answering import Brain, Question, SqlDraft, SqlRequest
from common.errors import SqlRefusedError
from core.async_bridge import run_blocking
from core.sql_executor import SqlExecutor
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
    """The outcome of generation; `sql` is admitted only when `user_prompt` and `explanation` are both None."""

    path_token: str
    sql: str | None = None
    explanation: str | None = None
    user_prompt: str | None = None
    validation_error_type: str | None = None
    based_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Objection:
    """Why a statement is not admitted. `detail` is for the repair, `is_repairable` says whether one may be tried."""

    kind: str
    prompt: str
    detail: str
    is_repairable: bool


class SqlPreparation:
    """Writes, checks and repairs; the same checks apply to the first and to the repaired statement."""

    def __init__(self, *, brain: Brain, executor: SqlExecutor, repairs: bool, repair_timeout_seconds: float) -> None:
        self._brain = brain
        self._executor = executor
        self._repairs = repairs
        self._repair_timeout_seconds = repair_timeout_seconds

    async def prepare(self, question: Question, request: SqlRequest) -> PreparedSql:
        """SQL ready to run, or the reason there is none.

        Raises:
            ServiceUnavailableError: model or business database cannot be reached.
        """
        brain = self._brain.on_behalf_of(question)
        draft = await brain.write_sql(request)
        if not draft.sql:
            return _without_sql(draft)
        objection = await run_blocking(self._object, draft.sql)
        if objection is None:
            return PreparedSql("agent_sql_generation", sql=draft.sql, based_on=draft.based_on)
        if not (objection.is_repairable and self._repairs):
            return _refused(objection, draft)
        return await self._repair(brain, request, draft, objection)

    async def _repair(self, brain: Brain, request: SqlRequest, draft: SqlDraft, objection: Objection) -> PreparedSql:
        try:
            async with asyncio.timeout(self._repair_timeout_seconds):
                repaired = await brain.repair_sql(request, draft.sql, objection.detail)
        except TimeoutError:
            seconds = int(self._repair_timeout_seconds)
            return _unrepaired(draft.sql, messages.SQL_REPAIR_TIMEOUT.format(seconds=seconds))
        if not repaired.sql:
            return _unrepaired(draft.sql, messages.SQL_REPAIR_EMPTY)
        still = await run_blocking(self._object, repaired.sql)
        if still is None:
            return PreparedSql("sql_repair_success", sql=repaired.sql, based_on=repaired.based_on)
        if still.kind == "forbidden_keywords":
            return _refused(still, repaired)
        return _unrepaired(repaired.sql, messages.SQL_REPAIR_FAILED.format(detail=still.detail))

    def _object(self, sql: str) -> Objection | None:
        """The guard's objection, else the planner's, else None."""
        try:
            verdict = self._executor.explain(sql)
        except SqlRefusedError as error:
            return _guard_objection(error, sql)
        if verdict.is_accepted:
            return None
        prompt = messages.SQL_VALIDATION_FAILED.format(detail=verdict.detail)
        return Objection("syntax_error", prompt, verdict.detail, is_repairable=not verdict.is_too_costly)


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
        return PreparedSql("agent_sql_generation", explanation=text, validation_error_type=draft.reason)
    prompt = draft.explanation or PROMPTS_BY_REASON.get(draft.reason, messages.UNKNOWN_GENERATION_FAILURE)
    kind = draft.reason or "unknown_generation_failure"
    return PreparedSql("agent_sql_generation_failed", user_prompt=prompt, validation_error_type=kind)


def _refused(objection: Objection, draft: SqlDraft) -> PreparedSql:
    is_forbidden = objection.kind == "forbidden_keywords"
    token = "forbidden_keywords_failed" if is_forbidden else "sql_validation_failed"
    return PreparedSql(token, sql=draft.sql, user_prompt=objection.prompt, validation_error_type=objection.kind)


def _unrepaired(sql: str, prompt: str) -> PreparedSql:
    return PreparedSql("sql_repair_failed", sql=sql, user_prompt=prompt, validation_error_type="syntax_repair_failed")
