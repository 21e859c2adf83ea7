"""A `Brain` that asks a language model. Built by `bootstrap`, used by the classic agent.

The instructions stand in the system message, the user's own words alone in the last user message; data rows, SQL and
earlier turns are fenced with a random tag. A failing model raises `ModelUnavailableError`; no answer is made up here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from copy import copy
from dataclasses import replace
from datetime import date
from typing import Final, Protocol

from agent.model_replies import read_classification, read_sql
from agent.prompt_context import PromptLimits, PromptMaterial, latest_context, markdown_table, table_list
from agent.prompt_files import PromptLibrary, new_fence
from common import messages
from common.answering import Classification, LookedUp, Question, ResultSet, SqlDraft, SqlRequest, Write
from common.business_schema import BusinessSchema
from core.llm.messages import CallKind, ChatMessage, ModelReply, StreamPart
from core.llm.metering import CallAccount
from core.prompt_values import PromptValues

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>\n\n"


class ChatClient(Protocol):
    """What the brain needs of `core.llm.client.LLMClient`."""

    @property
    def model(self) -> str: ...

    async def async_chat(
        self, messages: Sequence[ChatMessage], *, account: CallAccount, kind: CallKind = "other"
    ) -> ModelReply: ...

    def async_stream(
        self, messages: Sequence[ChatMessage], *, account: CallAccount, kind: CallKind = "other"
    ) -> AsyncGenerator[StreamPart, None]: ...


class ModelBrain:
    """See the module; it keeps nothing between calls, so many questions may share it.

    Args:
        client: the way to the model.
        prompts: the prompt files.
        limits: caps of what goes into a prompt.
        shows_thinking: whether what the model thought stands before its words in `<think>` tags.
    """

    def __init__(
        self,
        *,
        client: ChatClient,
        prompts: PromptLibrary,
        values: PromptValues | None = None,
        limits: PromptLimits | None = None,
        shows_thinking: bool = False,
    ) -> None:
        self._client = client
        self._prompts = prompts
        self._limits = limits or PromptLimits()
        self._material = PromptMaterial(self._limits, values)
        self._shows_thinking = shows_thinking
        self._account: CallAccount | None = None

    def on_behalf_of(self, question: Question) -> ModelBrain:
        """See `Brain.on_behalf_of`; without an account a brain refuses to call."""
        mine = copy(self)
        mine._account = CallAccount(question.tenant, question.user_id, question.route)
        return mine

    @property
    def provenance(self) -> Mapping[str, object]:
        """Model and prompt versions, for answers' provenance and cache keys."""
        return {"model": self._client.model, "prompts": dict(self._prompts.versions)}

    async def classify(self, question: str, context: str, schema: BusinessSchema) -> Classification:
        """Which way the question goes; an unreadable reply is CHAT with confidence 0.5."""
        tables = table_list(self._material.ranked(question, context, schema), self._limits.table_list_tokens)
        instructions = self._prompts["classify"].fill(fence=new_fence(), tables=tables)
        reply = await self._ask("classify", instructions, self._question(question, context))
        return read_classification(reply.text)

    async def write_sql(self, request: SqlRequest) -> SqlDraft:
        """SQL as the model wrote it, unchecked, or the model's reason for not writing any."""
        material = self._material.choose(request)
        instructions = self._prompts["write_sql"].fill(
            fence=new_fence(), material=material.text, today=_day(request.today)
        )
        turns: list[ChatMessage] = []
        for pair in material.pairs:
            turns += [ChatMessage("user", pair.question), ChatMessage("assistant", pair.sql)]
        asked = self._question(request.question, request.context)
        if request.looked_up is not None:
            turns += [ChatMessage("user", asked), ChatMessage("assistant", request.looked_up.sql)]
            asked = self._look_up_result(request.looked_up)
        kind: CallKind = "write_candidate" if request.is_candidate else "write_sql"
        reply = await self._ask(kind, instructions, asked, turns)
        draft = read_sql(reply.text, material.record_ids, is_finished=reply.is_finished)
        return replace(draft, explanation=self._with_thinking(reply)) if draft.reason == "llm_explanation" else draft

    async def repair_sql(self, request: SqlRequest, sql: str, error: str) -> SqlDraft:
        """One more attempt with the database's objection at hand; unchecked like the first."""
        fence = new_fence()
        material = self._material.choose(request)
        instructions = self._prompts["repair_sql"].fill(fence=fence, material=material.text, today=_day(request.today))
        asked = self._prompts["repair_request"].fill(fence=fence, question=request.question, sql=sql, error=error)
        reply = await self._ask("repair_sql", instructions, asked)
        return read_sql(reply.text, material.record_ids, is_finished=reply.is_finished)

    async def write_question(self, sql: str) -> str:
        """The model's reply as it is; whoever keeps it takes the question out of it."""
        fence = new_fence()
        instructions = self._prompts["write_question"].fill(fence=fence)
        return (await self._ask("other", instructions, f"<{fence}>\n{sql}\n</{fence}>")).text

    async def summarise(self, question: str, result: ResultSet, *, write: Write | None = None) -> str:
        """The rows in a few sentences. Only the first rows are shown to the model."""
        fence = new_fence()
        table, shown = markdown_table(result, self._limits)
        instructions = self._prompts["summarise"].fill(fence=fence)
        asked = self._prompts["summary_request"].fill(
            fence=fence, question=question, table=table, total=_total(result), shown=str(shown)
        )
        return await self._write("summarise", instructions, asked, write)

    async def chat(self, question: str, context: str, *, write: Write | None = None) -> str:
        """An answer without the database."""
        return await self._write("chat", self._prompts["chat"].fill(), self._question(question, context), write)

    def _question(self, question: str, context: str) -> str:
        if not context.strip():
            return question
        known = latest_context(context, self._limits.context_tokens)
        return self._prompts["question_in_context"].fill(fence=new_fence(), context=known, question=question)

    def _look_up_result(self, looked_up: LookedUp) -> str:
        table, shown, total = looked_up.problem, 0, "0"
        if looked_up.result is not None:
            table, shown = markdown_table(looked_up.result, self._limits)
            total = _total(looked_up.result)
        return self._prompts["look_up_result"].fill(fence=new_fence(), table=table, total=total, shown=str(shown))

    async def _ask(
        self, kind: CallKind, instructions: str, asked: str, turns: Sequence[ChatMessage] = ()
    ) -> ModelReply:
        sent = [ChatMessage("system", instructions), *turns, ChatMessage("user", asked)]
        return await self._client.async_chat(sent, account=self._known_account(), kind=kind)

    async def _write(self, kind: CallKind, instructions: str, asked: str, write: Write | None) -> str:
        """Words for people; the model streams when somebody wants the pieces."""
        if write is None:
            return self._with_thinking(await self._ask(kind, instructions, asked))
        sent = [ChatMessage("system", instructions), ChatMessage("user", asked)]
        tags = _ThinkingTags(write, shows_thinking=self._shows_thinking)
        async with aclosing(self._client.async_stream(sent, account=self._known_account(), kind=kind)) as parts:
            async for part in parts:
                tags.add(part)
        return tags.text

    def _with_thinking(self, reply: ModelReply) -> str:
        if not (self._shows_thinking and reply.thinking.strip()):
            return reply.text
        return f"{_OPEN}{reply.thinking.strip()}{_CLOSE}{reply.text}"

    def _known_account(self) -> CallAccount:
        if self._account is None:
            raise ValueError("a model is asked on somebody's account: take the brain from on_behalf_of")
        return self._account


class _ThinkingTags:
    """Puts a stream together: thinking in tags when it is to be shown, then the text."""

    def __init__(self, write: Write, *, shows_thinking: bool) -> None:
        self._write = write
        self._shows_thinking = shows_thinking
        self._is_thinking = False
        self.text = ""

    def add(self, part: StreamPart) -> None:
        if self._shows_thinking and part.thinking:
            self._tell(part.thinking if self._is_thinking else _OPEN + part.thinking)
            self._is_thinking = True
        if part.text or part.reply is not None:
            closing, self._is_thinking = (_CLOSE if self._is_thinking else ""), False
            self._tell(closing + part.text)

    def _tell(self, piece: str) -> None:
        if piece:
            self.text += piece
            self._write(piece)


def _total(result: ResultSet) -> str:
    """The number of rows for a prompt, with a plus when there may be more than were counted."""
    return f"{result.total_row_count}{'' if result.is_total_exact else '+'}"


def _day(day: date) -> str:
    """The date with its weekday, which models reckon wrongly: 2026-11-30 and the weekday in brackets."""
    return messages.DAY_WITH_WEEKDAY.format(day=day.isoformat(), weekday=messages.WEEKDAYS[day.weekday()])
