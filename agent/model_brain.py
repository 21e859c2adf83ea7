"""A `Brain` that asks a language model. Built by `bootstrap`, used by the classic agent.

The instructions stand in the system message, the user's own words alone in the last user message; data rows, SQL and
earlier turns are fenced with a random tag. A failing model raises `ModelUnavailableError`; no answer is made up here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from agent.model_replies import read_classification, read_sql
from agent.prompt_context import PromptLimits, choose_material, markdown_table, table_list
from agent.prompt_files import PromptLibrary, new_fence
from common.answering import Classification, Question, ResultSet, SqlDraft, SqlRequest
from common.business_schema import BusinessSchema
from core.llm.exchange import CallKind, ChatMessage, ModelReply
from core.llm.metering import CallAccount


class ChatClient(Protocol):
    """What the brain needs of `core.llm.client.LLMClient`."""

    @property
    def model(self) -> str: ...

    async def async_chat(
        self, messages: Sequence[ChatMessage], *, account: CallAccount, kind: CallKind = "other"
    ) -> ModelReply: ...


class ModelBrain:
    """See the module; it keeps nothing between calls, so many questions may share it.

    Args:
        client: the way to the model.
        prompts: the prompt files.
        limits: caps of what goes into a prompt.
        account: whom calls are made for; without one the brain refuses to call (`on_behalf_of` gives it one).
    """

    def __init__(
        self,
        *,
        client: ChatClient,
        prompts: PromptLibrary,
        limits: PromptLimits | None = None,
        account: CallAccount | None = None,
    ) -> None:
        self._client = client
        self._prompts = prompts
        self._limits = limits or PromptLimits()
        self._account = account

    def on_behalf_of(self, question: Question) -> ModelBrain:
        """See `Brain.on_behalf_of`."""
        account = CallAccount(question.tenant, question.user_id, question.route)
        return ModelBrain(client=self._client, prompts=self._prompts, limits=self._limits, account=account)

    @property
    def provenance(self) -> Mapping[str, object]:
        """Model and prompt versions, for answers' provenance and cache keys."""
        return {"model": self._client.model, "prompts": dict(self._prompts.versions)}

    async def classify(self, question: str, context: str, schema: BusinessSchema) -> Classification:
        """Which way the question goes; an unreadable reply is CHAT with confidence 0.5."""
        tables = table_list(schema, self._limits.material_chars)
        instructions = self._prompts["classify"].fill(fence=new_fence(), tables=tables)
        text = await self._ask("classify", instructions, self._question(question, context))
        return read_classification(text)

    async def write_sql(self, request: SqlRequest) -> SqlDraft:
        """SQL as the model wrote it, unchecked, or the model's reason for not writing any."""
        material = choose_material(request, self._limits)
        instructions = self._prompts["write_sql"].fill(
            fence=new_fence(), material=material.text, today=request.today.isoformat()
        )
        turns: list[ChatMessage] = []
        for pair in material.pairs:
            turns += [ChatMessage("user", pair.question), ChatMessage("assistant", pair.sql)]
        text = await self._ask("write_sql", instructions, self._question(request.question, request.context), turns)
        return read_sql(text, tuple(pair.record_id for pair in material.pairs if pair.record_id))

    async def repair_sql(self, request: SqlRequest, sql: str, error: str) -> SqlDraft:
        """One more attempt with the database's objection at hand; unchecked like the first."""
        fence = new_fence()
        material = choose_material(request, self._limits)
        instructions = self._prompts["repair_sql"].fill(
            fence=fence, material=material.text, today=request.today.isoformat()
        )
        asked = self._prompts["repair_request"].fill(fence=fence, question=request.question, sql=sql, error=error)
        return read_sql(await self._ask("repair_sql", instructions, asked))

    async def summarise(self, question: str, result: ResultSet) -> str:
        """The rows in a few sentences. Only the first rows are shown to the model."""
        fence = new_fence()
        table, shown = markdown_table(result, self._limits)
        instructions = self._prompts["summarise"].fill(fence=fence)
        asked = self._prompts["summary_request"].fill(
            fence=fence, question=question, table=table, total=str(result.total_row_count), shown=str(shown)
        )
        return await self._ask("summarise", instructions, asked)

    async def chat(self, question: str, context: str) -> str:
        """An answer without the database."""
        return await self._ask("chat", self._prompts["chat"].fill(), self._question(question, context))

    def _question(self, question: str, context: str) -> str:
        if not context.strip():
            return question
        return self._prompts["question_in_context"].fill(fence=new_fence(), context=context, question=question)

    async def _ask(self, kind: CallKind, instructions: str, asked: str, turns: Sequence[ChatMessage] = ()) -> str:
        sent = [ChatMessage("system", instructions), *turns, ChatMessage("user", asked)]
        if self._account is None:
            raise ValueError("a model is asked on somebody's account: take the brain from on_behalf_of")
        return (await self._client.async_chat(sent, account=self._account, kind=kind)).text
