"""The text protocol of docs/react_service.md: how a model that cannot call tools asks for one, and gets its result.

A reply is one step. Its first marker at the beginning of a line decides:

    SQL: <query>            run the query; the query may stand in a code fence and over several lines
    SEARCH: <words>         look up earlier conversations
    FINAL_ANSWER: <text>    the answer, everything that follows included

Whatever a model writes behind its action (results it made up, a final answer to them) is dropped. A reply without a
marker is the answer as it is. A line that was copied from a tool's result is data and no marker.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from core.llm.thinking import split_thinking

MAX_ACTION_CHARS: Final = 100_000
MAX_SEARCH_CHARS: Final = 500
ActionKind = Literal["sql", "search", "answer"]

_MARKER: Final = re.compile(
    r"^[ \t]*(?:[-*>#]+[ \t]*)?[*_`]{0,3}(?:Action[ \t]*[:：][ \t]*)?"
    r"(?P<name>SQL|SEARCH|FINAL[_ ]ANSWER|Observation)[*_`]{0,3}[ \t]*[:：][*_`]{0,3}[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_FENCED: Final = re.compile(
    r"\A\s*```[ \t]*(?:sql|postgresql|psql|pgsql|text)?[ \t]*\n?(?P<body>.*?)(?:```|\Z)", re.DOTALL | re.IGNORECASE
)
_STATEMENT_ENDS: Final = (re.compile(r";[ \t]*(?:\n|\Z)"), re.compile(r"\n[ \t]*\n"))
_OPEN_FENCE: Final = re.compile(r"```")
_KINDS: Final[dict[str, ActionKind]] = {"sql": "sql", "search": "search", "final_answer": "answer"}
_SPACE: Final = re.compile(r"(?:\\[nrt]|\s)+")


@dataclass(frozen=True)
class Action:
    """What a reply asks for; `text` is the query, the words to look for, or the answer."""

    kind: ActionKind
    text: str


def parse_action(reply: str, seen: Sequence[str] = ()) -> Action:
    """The step a reply stands for.

    Args:
        reply: what the model wrote, thinking included.
        seen: results told in this turn; a marker line that stands in one of them is not obeyed.
    """
    text, _thinking = split_thinking(reply)
    copied = [_plain(result) for result in seen]
    for marker in _MARKER.finditer(text):
        name = marker["name"].lower().replace(" ", "_")
        if name not in _KINDS or _is_quoted(text, marker) or _is_copied(text, marker, copied):
            continue
        kind = _KINDS[name]
        rest = text[marker.end() :]
        body = _unfenced(rest) if kind == "answer" else _argument(rest, is_query=kind == "sql")
        if body:
            return Action(kind, body)
    return Action("answer", text.strip())


def _argument(rest: str, *, is_query: bool) -> str:
    """What belongs to an action: a fence's content, or the text up to the next marker; one line for a search."""
    fenced = _FENCED.match(rest)
    if fenced:
        return fenced["body"].strip().removesuffix(";")[:MAX_ACTION_CHARS]
    following = _MARKER.search(rest)
    text = (rest[: following.start()] if following else rest).strip()
    if is_query:
        text = text.split("```", 1)[0]
        end = next((found for ending in _STATEMENT_ENDS if (found := ending.search(text))), None)
        return text[: end.start() if end else None].strip().strip("`").strip()[:MAX_ACTION_CHARS]
    return text.split("\n", 1)[0].strip().strip("`*\"'“”").strip()[:MAX_SEARCH_CHARS]


def _unfenced(rest: str) -> str:
    text = rest.strip()
    fenced = _FENCED.match(text)
    return fenced["body"].strip() if fenced and fenced.end() == len(text) else text


def _is_quoted(text: str, marker: re.Match[str]) -> bool:
    """Inside a code fence that holds more than the marker's own lines: an example or a copied result.

    A fence that begins with the marker is the model's way to write the action itself.
    """
    before = text[: marker.start()]
    fences = [match.start() for match in _OPEN_FENCE.finditer(before)]
    if len(fences) % 2 == 0:
        return False
    opened = before[fences[-1] + 3 :]
    return bool(opened.partition("\n")[2].strip())


def _is_copied(text: str, marker: re.Match[str], seen: Sequence[str]) -> bool:
    line = text[marker.start("name") :].split("\n", 1)[0]
    plain = _plain(line)
    return any(plain in result for result in seen)


def _plain(text: str) -> str:
    """One line, so that a row's escaped line breaks hide nothing."""
    return _SPACE.sub(" ", text).replace('\\"', '"').strip().casefold()
