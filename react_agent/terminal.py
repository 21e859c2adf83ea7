"""The ReAct agent in a terminal: questions, threads, steps and text as they come. Started by `react_agent.shell`.

Ctrl-C stops the running question, at the prompt
it empties the line. Whatever comes from a model, a row or a store is printed without control characters.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final, Protocol, TextIO

from common import messages
from common.answering import EngineEvent, NodeFinished, TextWritten, Watch
from common.cancellation import CancelFlag, CancelSignal
from common.errors import AnswerStoppedError, CituError
from common.messages import react as react_texts
from common.messages import react_shell as texts
from react_agent.agent import CustomReactAgent
from react_agent.terminal_text import plain

MAX_LISTED: Final = 5
MAX_ROWS: Final = 50
ROUTE: Final = "shell"


class Questions(Protocol):
    """Asks the agent."""

    def open(self, body: Mapping[str, Any], /) -> Any:
        """A question checked and given its thread, whose id is its `conversation_id`."""

    def answer(
        self, thread: Any, /, *, watch: Watch, caller_left: CancelSignal, wants_tokens: bool, route: str
    ) -> Mapping[str, Any]:
        """The envelope of the answer."""


class Threads(Protocol):
    """Reads threads; each method returns an HTTP status and an envelope."""

    def status(self, thread_id: str, *, is_direct: bool) -> tuple[int, Mapping[str, Any]]: ...

    def conversation(self, thread_id: str, *, include_tools: bool) -> tuple[int, Mapping[str, Any]]: ...

    def conversations(self, user_id: str, limit: int, *, is_direct: bool) -> tuple[int, Mapping[str, Any]]: ...


class ReactServices(Protocol):
    """What the terminal needs of the ReAct agent's services."""

    @property
    def ask(self) -> Questions: ...

    @property
    def threads(self) -> Threads: ...

    def agent(self) -> CustomReactAgent: ...


class ReactShell:
    """One user at one terminal.

    Args:
        react: the agent and its threads.
        engine: what thinks, as the setting LLM_PROVIDER names it.
        step_name: the label of a finished step, as other clients read it.
        user_id: who asks.
        out: where everything is written.
    """

    def __init__(
        self, react: ReactServices, *, engine: str, step_name: Callable[[NodeFinished], str], user_id: str, out: TextIO
    ) -> None:
        self._react = react
        self._engine = engine
        self._step_name = step_name
        self._user_id = user_id
        self._out = out
        self._thread_id = ""
        self._listed: list[str] = []
        self._last: Mapping[str, Any] = {}
        self._commands: Mapping[str, Callable[[str], None]] = {
            "/new": self._new,
            "/thread": self._thread,
            "/history": self._history,
            "/sql": self._sql,
            "/tools": self._tools,
            "/help": lambda _argument: self._say(texts.HELP),
        }

    def run(self, lines: Iterator[str]) -> None:
        """Take lines until they end or one says `/quit`."""
        name = texts.OFFLINE if self._engine == "offline" else self._engine
        self._say(texts.WELCOME.format(engine=name))
        for line in lines:
            text = line.strip()
            if text.lower() in ("/quit", "/exit", "exit", "quit"):
                break
            if text:
                self.take(text)
        self._say(texts.GOODBYE)

    def take(self, text: str) -> None:
        """Handle one line, a command or a question. Errors are printed, never raised."""
        try:
            if not text.startswith("/"):
                self._ask(text)
                return
            command, _, argument = text.partition(" ")
            act = self._commands.get(command.lower())
            if act is None:
                self._say(texts.COMMAND_UNKNOWN.format(command=command[:40]))
                return
            act(argument.strip())
        except AnswerStoppedError:
            self._say(f"\n{texts.STOPPED}")
        except CituError as error:
            hint = texts.CAN_RETRY if error.can_retry else ""
            self._say(f"{texts.FAILED.format(reason=error.message)}{hint}")

    def _ask(self, text: str) -> None:
        """The thread is kept before the answer comes, so that a stopped question is part of it."""
        opened = self._react.ask.open({"question": text, "user_id": self._user_id, "thread_id": self._thread_id})
        self._thread_id, self._last = opened.conversation_id, {}
        shown = _ShownEvents(self._out, self._step_name)
        with _stopped_by_ctrl_c() as stop:
            envelope = self._react.ask.answer(opened, watch=shown, caller_left=stop, wants_tokens=True, route=ROUTE)
        self._last = envelope["data"]
        shown.finish(str(self._last["response"]))
        if unreviewed := (self._last.get("provenance") or {}).get("unreviewed_records"):
            self._say(messages.UNREVIEWED_RECORDS.format(count=len(unreviewed), ids=", ".join(unreviewed)))

    def _new(self, _argument: str) -> None:
        self._thread_id, self._last = "", {}
        self._say(texts.NEW_THREAD)

    def _thread(self, argument: str) -> None:
        if argument:
            self._choose(argument)
            return
        self._say(texts.THREAD.format(thread_id=self._thread_id) if self._thread_id else texts.NO_THREAD)
        items = self._threads()
        self._listed = [str(item["thread_id"]) for item in items]
        for number, item in enumerate(items, 1):
            title = plain(str(item["conversation_title"]), is_one_line=True)
            self._say(texts.THREAD_ITEM.format(number=number, **{**item, "title": title}))
        if not items:
            self._say(texts.NO_THREADS)

    def _choose(self, wanted: str) -> None:
        """A number of the list shown last, or a thread's id of this user."""
        is_number = wanted.isascii() and wanted.isdigit() and len(wanted) < 3
        listed = self._listed or [str(item["thread_id"]) for item in self._threads()]
        number = int(wanted) if is_number else 0
        found = listed[number - 1] if 0 < number <= len(listed) else wanted
        is_own = found.startswith(f"{self._user_id}:")
        if not is_own or self._react.threads.status(found, is_direct=False)[0] != 200:
            self._say(texts.THREAD_UNKNOWN.format(wanted=wanted[:80]))
            return
        self._thread_id, self._last = found, {}
        self._say(texts.THREAD_CHOSEN.format(thread_id=found))

    def _history(self, _argument: str) -> None:
        if not self._thread_id:
            self._say(texts.NO_THREAD)
            return
        _, envelope = self._react.threads.conversation(self._thread_id, include_tools=False)
        for message in (envelope.get("data") or {}).get("messages", ()):
            said = texts.ASKED if message["role"] == "human" else texts.ANSWERED
            self._say(said.format(text=message["content"]))

    def _sql(self, _argument: str) -> None:
        sql, records = self._last.get("sql"), self._last.get("records")
        self._say(str(sql) if sql else texts.NO_SQL)
        if records:
            self._say(" | ".join(map(_cell, records["columns"])))
            for row in records["rows"][:MAX_ROWS]:
                self._say(" | ".join(_cell(row.get(name)) for name in records["columns"]))
            shown = min(MAX_ROWS, len(records["rows"]))
            self._say(texts.ROWS.format(total=records["total_row_count"], shown=shown))

    def _tools(self, _argument: str) -> None:
        for spec in self._react.agent().tool_specs:
            label = react_texts.TOOL_LABELS.get(spec.name, spec.description)
            self._say(texts.TOOL.format(name=spec.name, description=label))

    def _threads(self) -> list[Mapping[str, Any]]:
        _, envelope = self._react.threads.conversations(self._user_id, MAX_LISTED, is_direct=False)
        return list((envelope.get("data") or {}).get("conversations", ()))

    def _say(self, text: str) -> None:
        self._out.write(f"{plain(text)}\n")
        self._out.flush()


class _ShownEvents:
    """Shows a question's steps and the answer's text as they come; called from the question's event loop."""

    def __init__(self, out: TextIO, step_name: Callable[[NodeFinished], str]) -> None:
        self._out = out
        self._step_name = step_name
        self._written = ""

    def __call__(self, event: EngineEvent) -> None:
        if isinstance(event, TextWritten):
            self._written += event.text
            self._write(plain(event.text))
        elif isinstance(event, NodeFinished) and event.findings.get("tool_name") and event.node == "tools":
            self._write(f"{texts.STEP.format(name=self._step_name(event))}\n")

    def finish(self, response: str) -> None:
        """What was written is the answer, or the answer is written now."""
        rest = "" if self._written.strip() == response.strip() else f"{response}"
        if rest and self._written:
            self._write("\n")
        self._write(f"{plain(rest)}\n")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[CancelFlag]:
    """A flag that Ctrl-C sets for as long as the block runs."""
    stop = CancelFlag()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return

    def pressed(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = signal.signal(signal.SIGINT, pressed)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)


def _cell(value: Any) -> str:
    return "" if value is None else plain(str(value), is_one_line=True)
