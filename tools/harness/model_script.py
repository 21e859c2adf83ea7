"""What a scripted model answers, by kind of call and by question. Used by the scripted model server.

A call's kind is read from its `X-Citu-Call` header and its question is the end of the last user message, after
`[CURRENT]` when that stands there; instructions are never read.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tools.harness.pipeline_script import KINDS as PIPELINE_KINDS
from tools.harness.pipeline_script import pipeline_reply

_IGNORED = str.maketrans("", "", "？?。 \t\r\n\u3000")
_FAILURE_WORDS = ("failed", "无法生成", "失败")


@dataclass(frozen=True)
class ToolCall:
    """A tool the model wants called; `arguments` is JSON text."""

    name: str
    arguments: str


@dataclass(frozen=True)
class ScriptedReply:
    """An answer; a `status` other than 200 is answered as an error of the provider."""

    text: str = ""
    thinking: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    status: int = 200


@dataclass
class RecordedCall:
    """One request as it arrived; `is_abandoned` becomes true when the caller left before the answer was complete."""

    kind: str
    path: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
    is_abandoned: bool = False

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        return self.body.get("messages") or []

    @property
    def last_user_text(self) -> str:
        texts = [message.get("content") for message in self.messages if message.get("role") == "user"]
        return texts[-1] if texts and isinstance(texts[-1], str) else ""

    @property
    def question(self) -> str:
        return self.last_user_text.rpartition("[CURRENT]")[2].strip()


class Script(Protocol):
    """Decides what to answer."""

    def answer(self, call: RecordedCall) -> ScriptedReply: ...


@dataclass(frozen=True)
class Rule:
    """Matches a call by kind (None: any) and by a piece of its last user message."""

    reply: ScriptedReply
    kind: str | None = None
    contains: str = ""

    def matches(self, call: RecordedCall) -> bool:
        return self.kind in (None, call.kind) and self.contains in call.last_user_text


@dataclass
class RuleScript:
    """The first matching rule answers, else `otherwise`."""

    rules: list[Rule] = field(default_factory=list)
    otherwise: ScriptedReply = ScriptedReply("好的。")

    def answer(self, call: RecordedCall) -> ScriptedReply:
        return next((rule.reply for rule in self.rules if rule.matches(call)), self.otherwise)


class RecordedScript:
    """Plays `model_script.json`, the answers the historical recordings were made with."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    @classmethod
    def load(cls, path: Path) -> RecordedScript:
        return cls(json.loads(path.read_text("utf-8")))

    def answer(self, call: RecordedCall) -> ScriptedReply:
        if self._content["http_500_when_question_contains"] in call.question:
            return ScriptedReply(status=500)
        if call.body.get("tools"):
            return self._react(call)
        thinking = "桩思考过程。" if call.body.get("enable_thinking") else ""
        return ScriptedReply(self._text(call), thinking)

    def _text(self, call: RecordedCall) -> str:
        if call.kind == "classify":
            return self._classification(call.question)
        if call.kind == "write_sql":
            return self._sql(call.question)
        if call.kind == "repair_sql":
            fixable = "bss_fixme_table" in call.last_user_text
            return str(self._content["repair"]["contains bss_fixme_table" if fixable else "otherwise"])
        if call.kind == "summarise":
            return str(self._content["summary"])
        if call.kind == "chat":
            return f"【桩回答】已收到您的问题：{call.question[:30]}"
        if call.kind in PIPELINE_KINDS and "pipeline" in self._content:
            return pipeline_reply(call.kind, call.last_user_text, self._content)
        return str(self._content["question_for_a_sql_without_one"])

    def _is_about_data(self, question: str) -> bool:
        return any(word in question for word in self._content["classify_database_when_question_contains"])

    def _classification(self, question: str) -> str:
        texts = self._content["classification"]
        if "分类乱码" in question:
            return str(texts["unusable_when_question_contains_分类乱码"])
        return str(texts["database" if self._is_about_data(question) else "chat"])

    def _sql(self, question: str) -> str:
        plain = question.translate(_IGNORED)
        found = (sql for key, sql in self._content["sql"].items() if key.translate(_IGNORED) in plain)
        return str(next(found, self._content["no_sql_for_unknown_question"]))

    def _react(self, call: RecordedCall) -> ScriptedReply:
        """The tool-calling agent: generate_sql, then valid_sql, then run_sql, then a summary."""
        outputs = _tool_outputs(call.messages)
        if not outputs:
            if self._is_about_data(call.question):
                return _tool("generate_sql", {"question": call.question})
            return ScriptedReply(f"【桩回答】{call.question[:30]}")
        name, output = outputs[-1]
        if name == "generate_sql":
            if any(word in output for word in _FAILURE_WORDS):
                return ScriptedReply("【桩常识回答】该问题无法通过数据库回答。")
            return _tool("valid_sql", {"sql": output})
        if name == "valid_sql":
            if "失败" in output:
                return ScriptedReply("【桩回答】SQL验证未通过，无法给出准确结果。")
            generated = [text for tool, text in outputs if tool == "generate_sql"]
            return _tool("run_sql", {"sql": generated[-1] if generated else ""})
        return ScriptedReply("【桩总结】查询已完成，结果见数据表。")


def _tool(name: str, arguments: Mapping[str, str]) -> ScriptedReply:
    return ScriptedReply(tool_calls=(ToolCall(name, json.dumps(arguments, ensure_ascii=False)),))


def _tool_outputs(messages: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Name and output of each tool called since the last user message."""
    names: dict[str, str] = {}
    outputs: list[tuple[str, str]] = []
    for message in messages:
        if message.get("role") == "user":
            outputs = []
        for call in message.get("tool_calls") or []:
            names[call["id"]] = call["function"]["name"]
        if message.get("role") == "tool":
            outputs.append((names.get(message.get("tool_call_id", ""), ""), str(message.get("content", ""))))
    return outputs
