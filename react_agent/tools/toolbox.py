"""Calls the tools a model asks for and sorts what can go wrong.

retry    the model asked wrongly: it is told what to do better, as the tool's answer
failed   the tool did its work and the outcome is a failure: told as the tool's answer, with its facts
lost     a store or the model cannot be reached: raised, the turn ends with it
bug      anything else: raised, never shown to the model
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar
from uuid import uuid4

from langchain_core.messages import AnyMessage, ToolMessage
from pydantic import BaseModel, ValidationError

from common.messages import react as texts
from core.llm.messages import ToolSpec
from react_agent.logger import get_react_agent_logger
from react_agent.state import STATUS_ERROR, STATUS_OK, Turn

logger = get_react_agent_logger("Tools")

MAX_CALLS_AT_ONCE: Final = 8
Arguments = TypeVar("Arguments", bound=BaseModel)


class ToolRetryError(Exception):
    """The model called a tool wrongly; the text explains to it what to change."""


@dataclass(frozen=True)
class ToolOutcome:
    """What a tool says to the model, and the same as data for us."""

    text: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_error: bool = False


class Tool(Protocol):
    """One tool. `call` raises `ToolRetryError` for what the model can put right, our errors for what is lost."""

    @property
    def spec(self) -> ToolSpec: ...

    async def call(self, arguments: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolOutcome: ...


class Toolbox:
    """The tools by name."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = {tool.spec.name: tool for tool in tools}

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        return tuple(tool.spec for tool in self._tools.values())

    async def answer_all(
        self, calls: Sequence[Mapping[str, Any]], turn: Turn, messages: Sequence[AnyMessage]
    ) -> list[ToolMessage]:
        """One answer a call, in their order; calls beyond the first few are not made."""
        answers = [await self._answer(call, turn, messages) for call in calls[:MAX_CALLS_AT_ONCE]]
        refusal = ToolOutcome(texts.TOO_MANY_CALLS.format(limit=MAX_CALLS_AT_ONCE), is_error=True)
        return [*answers, *(_message(call, refusal) for call in calls[MAX_CALLS_AT_ONCE:])]

    async def _answer(self, call: Mapping[str, Any], turn: Turn, messages: Sequence[AnyMessage]) -> ToolMessage:
        name = str(call["name"])
        tool = self._tools.get(name)
        if tool is None:
            text = texts.TOOL_UNKNOWN.format(name=name[:60], known="、".join(self._tools))
            return _message(call, ToolOutcome(text, is_error=True))
        try:
            outcome = await tool.call(call["args"], turn, messages)
        except ToolRetryError as error:
            text = texts.TOOL_ARGUMENTS_WRONG.format(name=name, problem=error)
            outcome = ToolOutcome(text, is_error=True)
        logger.info("tool %s: %s", name, "error" if outcome.is_error else "ok")
        return _message(call, outcome)


def spec_of(name: str, description: str, arguments: type[BaseModel]) -> ToolSpec:
    """The tool as the model sees it, its arguments described by a pydantic model."""
    schema = arguments.model_json_schema()
    schema.pop("title", None)
    schema.pop("description", None)
    for member in schema.get("properties", {}).values():
        member.pop("title", None)
    return ToolSpec(name, description, {"type": "object", "properties": {}, **schema})


def read_arguments(model: type[Arguments], given: Mapping[str, Any]) -> Arguments:
    """The arguments of a call, checked.

    Raises:
        ToolRetryError: one is missing or wrong.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ToolRetryError(f"{place}: {first['msg']}") from error


def _message(call: Mapping[str, Any], outcome: ToolOutcome) -> ToolMessage:
    return ToolMessage(
        content=outcome.text,
        tool_call_id=str(call["id"]),
        name=str(call["name"])[:64],
        status=STATUS_ERROR if outcome.is_error else STATUS_OK,
        artifact=dict(outcome.facts),
        id=str(uuid4()),
    )
