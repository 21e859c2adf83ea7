"""The nodes of the classic agent's graph, one method each; each returns the members of the state it changes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import partial

from agent.classification.routing import QuestionRouter
from agent.provenance import sql_provenance
from agent.retrieval import Retrieval
from agent.sql_preparation import SqlPreparation
from agent.state import AgentState
from agent.written_text import WrittenText
from common.answering import Brain, ResultSet
from common.cancellation import CancelFlag
from common.errors import CituError, ModelUnavailableError, SqlExecutionError
from core.async_bridge import run_blocking
from core.logging import get_agent_logger
from core.sql_executor import PlannedQuery, SqlExecutor

logger = get_agent_logger("nodes")

TRANSIENT_RETRY_SECONDS = (1.0, 2.0)


@dataclass(frozen=True)
class Nodes:
    """What the graph does, step by step, on shared collaborators; safe for many questions at once."""

    brain: Brain
    router: QuestionRouter
    retrieval: Retrieval
    preparation: SqlPreparation
    executor: SqlExecutor
    summarises: bool

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
        """Write SQL, have it checked, repair it once; or find out why there is none."""
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
            records = await self._execute(state["sql"] or "", state["planned"])
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
        """A lost model costs the sentence, not the rows."""
        if not self.summarises or not records.rows:
            return None
        try:
            question, written = state["question"], _written(state)
            summarising = self.brain.on_behalf_of(question).summarise(
                question.text, records, write=written.add if question.wants_tokens else None
            )
            summary = (await summarising).strip() + state["note"]
        except ModelUnavailableError as error:
            logger.warning("no summary: %s", error.error_type)
            return None
        written.end(summary)
        return summary


def _written(state: AgentState) -> WrittenText:
    return WrittenText(state["watch"] if state["question"].wants_tokens else None)
