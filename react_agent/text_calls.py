"""Reads calls of tools that a model wrote into its text, as local servers pass them on when they do not know the form.

Two forms are read: `<tool_call>{"name": …, "arguments": {…}}</tool_call>`, once or several times, and a text that is
nothing but such an object or a list of them, in a code fence or not. `parameters` and `args` stand for `arguments`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final

from react_agent.thinking import PlannedCall

_TAGGED: Final = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_FENCE: Final = "```"
_ARGUMENTS: Final = ("arguments", "parameters", "args")
_BEGINNINGS: Final = ("<tool_call>", "{", "[", _FENCE)
MOST_CHARS: Final = 100_000


def calls_in(text: str, names: Collection[str]) -> tuple[PlannedCall, ...]:
    """The calls; none when the text is anything else, or names a tool that was not offered."""
    stripped = text.strip()
    if len(stripped) > MOST_CHARS:
        return ()
    tagged = _TAGGED.findall(stripped)
    written = tagged or [_without_fence(stripped)]
    found = [call for one in written for call in _read(one, names)]
    return tuple(call for call in found if call is not None) if None not in found else ()


def may_begin_a_call(text: str) -> bool:
    """Whether a text that begins like this may still turn out to be a call."""
    begun = text.lstrip()
    return any(begun.startswith(mark) or mark.startswith(begun) for mark in _BEGINNINGS)


def _without_fence(text: str) -> str:
    if not (text.startswith(_FENCE) and text.endswith(_FENCE)):
        return text
    return text.strip("`").removeprefix("json")


def _read(written: str, names: Collection[str]) -> list[PlannedCall | None]:
    """The calls of one piece of JSON; None stands for what is none."""
    try:
        value = json.loads(written)
    except (ValueError, RecursionError):
        return [None]
    return [_call(one, names) for one in (value if isinstance(value, list) else [value])]


def _call(value: Any, names: Collection[str]) -> PlannedCall | None:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or value["name"] not in names:
        return None
    given: Any = next((value[name] for name in _ARGUMENTS if name in value), {})
    if isinstance(given, str):
        try:
            given = json.loads(given or "{}")
        except (ValueError, RecursionError):
            return None
    return PlannedCall(value["name"], given) if isinstance(given, dict) else None
