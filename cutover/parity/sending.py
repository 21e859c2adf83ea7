"""Sends one recorded request: fills captured ids in, does what has to be done before, reads streams to their end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange

PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")
POLL_SECONDS = 0.2


class UnknownCaptureError(Exception):
    """A placeholder's value was never captured: the exchange it comes from differed or was not replayed."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class UnknownStepError(Exception):
    """A recording wants something done before it that this replayer cannot do."""


@dataclass
class Sender:
    """The connection to the service, and what was captured from its answers so far.

    Attributes:
        run_redis: runs a Redis command on the service's Redis; None when nobody knows where it is.
        stand_ins: texts of the recordings that stand for an address of this rehearsal, and that address.
    """

    client: httpx.Client
    sleep: Callable[[float], None] = time.sleep
    run_redis: Callable[[Sequence[str]], object] | None = None
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    captured: dict[str, str] = field(default_factory=dict)

    def send(self, exchange: Exchange) -> Answer:
        """The answer to one exchange's request.

        Raises:
            UnknownCaptureError, UnknownStepError: the request cannot be sent.
        """
        wanted = self.filled({**exchange.request, **exchange.template})
        for step in exchange.before:
            self._do_before(self.filled(step))
        request = self.client.build_request(
            wanted["method"],
            wanted["path"],
            params=wanted.get("query") or None,
            headers=wanted.get("headers"),
            **_content(wanted),
        )
        return _answer(self.client.send(request))

    def filled(self, value: Any) -> Any:
        """`value` with every placeholder replaced by what was captured."""
        if isinstance(value, str):
            for stand_in, real in self.stand_ins.items():
                value = value.replace(stand_in, real)
            return PLACEHOLDER.sub(self._captured_value, value)
        if isinstance(value, Mapping):
            return {key: self.filled(member) for key, member in value.items()}
        return [self.filled(member) for member in value] if isinstance(value, list) else value

    def _captured_value(self, match: re.Match[str]) -> str:
        try:
            return self.captured[match[1]]
        except KeyError as error:
            raise UnknownCaptureError(match[1]) from error

    def _do_before(self, step: Mapping[str, Any]) -> None:
        if "sleep" in step:
            self.sleep(float(step["sleep"]))
        elif "poll" in step:
            self._poll(step)
        elif "redis" in step and self.run_redis is not None:
            command = step["redis"]
            self.run_redis(command.split() if isinstance(command, str) else [str(part) for part in command])
        else:
            raise UnknownStepError(f"cannot do before it: {', '.join(step)}")

    def _poll(self, step: Mapping[str, Any]) -> None:
        """Ask until the field has one of the values wanted, or the time is over; the exchange itself then shows.

        A task that failed as a whole leaves the steps it did not come to as they are: nothing more is waited for.
        """
        for _ in range(int(step["timeout"] / POLL_SECONDS)):
            body = _answer(self.client.get(step["poll"])).body
            if at(body, step["field"]) in step["until"] or at(body, "data.status") == "failed":
                return
            self.sleep(POLL_SECONDS)


def at(value: Any, path: str) -> Any:
    """The member at a dotted path, list positions included; None when there is none."""
    for part in path.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping):
            value = value.get(part)
        else:
            return None
    return value


def _content(wanted: Mapping[str, Any]) -> dict[str, Any]:
    if "multipart" in wanted:
        return _multipart(wanted["multipart"])
    content = json.dumps(wanted["json"]) if "json" in wanted else wanted.get("body")
    return {} if content is None else {"content": content.encode()}


def _multipart(form: Mapping[str, Any]) -> dict[str, Any]:
    """httpx sends a form without files in another encoding; the recorder added an empty field then."""
    files: dict[str, Any] = {name: (file["filename"], _file_content(file)) for name, file in form["files"].items()}
    return {"data": form["fields"], "files": files or {"__none": (None, "")}}


def _file_content(file: Mapping[str, Any]) -> bytes:
    generated = file.get("content_gen")
    text = generated["prefix"] + generated["char"] * generated["count"] if generated else file["content"]
    return str(text).encode()


def _answer(response: httpx.Response) -> Answer:
    content_type = response.headers.get("content-type", "")
    headers = {name.lower(): value for name, value in response.headers.items()}
    if content_type.startswith("text/event-stream"):
        return Answer(response.status_code, None, content_type, events=_events(response.text), headers=headers)
    try:
        body = response.json()
    except ValueError:
        body = None
    return Answer(response.status_code, body, content_type, response.text, headers=headers)


def _events(text: str) -> list[Any]:
    """The events of a stream as the recorder wrote them; comments are no events."""
    lines = (line.removeprefix("data:").strip() for line in text.splitlines() if line.startswith("data:"))
    return [{"data": json.loads(line)} for line in lines]
