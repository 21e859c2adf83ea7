"""The nodes of the classic agent's graph, one method each; each returns the members of the state it changes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from agent.classification.routing import QuestionRouter
from agent.provenance import sql_provenance
from agent.retrieval import Retrieval
from agent.sql_voting import Preparation
from agent.state import AgentState
from agent.written_text import WrittenText
from common.answering import Brain, ResultSet
from common.cancellation import CancelFlag
from common.errors import CituError, ModelUnavailableError, SqlExecutionError
from common.figures import CheckedWriting, unknown_figures
from core.async_bridge import run_blocking
from core.logging import get_agent_logger
from core.sql_executor import PlannedQuery, SqlExecutor

logger = get_agent_logger("nodes")

TRANSIENT_RETRY_SECONDS = (1.0, 2.0)
AGENT_NAME = "classic"
_THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Nodes:
    """What the graph does, step by step, on shared collaborators; safe for many questions at once.

    `on_unproven` is told the agent's name when a text is not shown because it states a figure that nothing returned.
    """

    brain: Brain
    router: QuestionRouter
    retrieval: Retrieval
    preparation: Preparation
    executor: SqlExecutor
    summarises: bool
    on_unproven: Callable[[str], None] = lambda _agent: None

    async def classify_question(self, state: AgentState) -> AgentState:
        """Decide between the database and a chat; the training store is asked only before a chat."""
        question = state["question"]
        try:
            nearest = partial(self.retrieval.nearest_pairs, question)
            found = await self.router.classify(question, self.retrieval.schema, nearest)
        except CituError as error:
            return {"failure": error, "execution_path": [*state["execution_path"], "classify_error"]}
        return {
            "classification": found,
            "execution_path": [*state["execution_path"], "classify"],
        }

    async def agent_chat(self, state: AgentState) -> AgentState:
        """Answer without the database."""
        question = state["question"]
        try:
            written = _written(state)
            chatting = self.brain.on_behalf_of(question).chat(
                question.text, question.context, write=written.add if question.wants_tokens else None
            )
            text = (await chatting).strip()
        except CituError as error:
            return {"failure": error, "execution_path": [*state["execution_path"], "agent_chat_error"]}
        written.end(text)
        return {"chat_response": text, "execution_path": [*state["execution_path"], "agent_chat"]}

    async def agent_sql_generation(self, state: AgentState) -> AgentState:
        """Write SQL, have it checked, repair it once, or vote on several; or find out why there is none."""
        try:
            retrieved = await self.retrieval.collect(state["question"])
            prepared = await self.preparation.prepare(state["question"], retrieved.request)
        except CituError as error:
            return {"failure": error, "execution_path": [*state["execution_path"], "agent_sql_generation_error"]}
        if prepared.explanation:
            _written(state).end(prepared.explanation)
        return {
            "sql": prepared.sql,
            "planned": prepared.planned,
            "records": prepared.records,
            "note": prepared.note,
            "chat_response": prepared.explanation,
            "user_prompt": prepared.user_prompt,
            "validation_error_type": prepared.validation_error_type,
            "provenance": sql_provenance(prepared, retrieved),
            "execution_path": [*state["execution_path"], prepared.path_token],
        }

    async def agent_sql_execution(self, state: AgentState) -> AgentState:
        """Run the admitted SQL and say in a sentence what came out."""
        path = state["execution_path"]
        try:
            records = state["records"] or await self._execute(state["sql"] or "", state["planned"])
        except CituError as error:
            return {"failure": error, "execution_path": [*path, "agent_sql_execution_error"]}
        summary = await self._summary(state, records)
        return {"records": records, "summary": summary, "execution_path": [*path, "agent_sql_execution"]}

    async def format_response(self, state: AgentState) -> AgentState:
        """The last step of every path; the engine reads the state after it."""
        return {"execution_path": [*state["execution_path"], "format_response"]}

    async def _execute(self, sql: str, planned: PlannedQuery | None) -> ResultSet:
        for delay_seconds in TRANSIENT_RETRY_SECONDS:
            try:
                return await self._execute_once(sql, planned)
            except SqlExecutionError as error:
                if not error.is_transient:
                    raise
                logger.warning("transient database error, trying again in %s s", delay_seconds)
                await asyncio.sleep(delay_seconds)
        return await self._execute_once(sql, planned)

    async def _execute_once(self, sql: str, planned: PlannedQuery | None) -> ResultSet:
        caller_left = CancelFlag()
        try:
            return await run_blocking(partial(self.executor.execute, sql, cancel=caller_left, planned=planned))
        except asyncio.CancelledError:
            caller_left.set()
            raise

    async def _summary(self, state: AgentState, records: ResultSet) -> str | None:
        """The sentence; None without a model, and when it states a figure that nothing returned."""
        if not self.summarises or not records.rows:
            return None
        question, written = state["question"], _written(state)
        unknown = partial(_unknown_figures, state, records)
        writing = CheckedWriting(written.add, unknown)
        try:
            summarising = self.brain.on_behalf_of(question).summarise(
                question.text, records, write=writing.add if question.wants_tokens else None
            )
            text = (await summarising).strip()
        except ModelUnavailableError as error:
            logger.warning("no summary: %s", error.error_type)
            return None
        if found := await run_blocking(partial(unknown, text)):
            logger.warning("no summary: %d of its figures were not returned", len(found))
            self.on_unproven(AGENT_NAME)
            return None
        writing.end()
        summary = text + state["note"]
        written.end(summary)
        return summary


def _unknown_figures(state: AgentState, records: ResultSet, text: str) -> tuple[str, ...]:
    """The figures of a summary, what the model thought left out, that its question and rows do not give."""
    question = state["question"]
    return unknown_figures(_THINKING.sub("", text), [records], [question.text, question.context], state["sql"] or "")


def _written(state: AgentState) -> WrittenText:
    return WrittenText(state["watch"] if state["question"].wants_tokens else None)
