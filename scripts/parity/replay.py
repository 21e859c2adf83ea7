"""Sends recorded requests to a running service, in order, and judges every answer."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from scripts.parity.compare import Difference, compare
from scripts.parity.exchanges import Exchange
from scripts.parity.rules import Answer, intended

Verdict = Literal["equal", "intended", "different", "skipped"]
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


class UnknownCaptureError(Exception):
    """A placeholder's value was never captured: the exchange it comes from differed or was not replayed."""


@dataclass(frozen=True)
class Outcome:
    """One judged exchange; `why` names the rule, the differences or the reason for skipping."""

    exchange: Exchange
    verdict: Verdict
    why: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass
class Replayer:
    """Replays exchanges one after another; captured ids travel from answers into later requests."""

    client: httpx.Client
    captured: dict[str, str] = field(default_factory=dict)

    def replay(self, exchanges: Iterable[Exchange]) -> Iterator[Outcome]:
        """Outcomes in the order of the exchanges."""
        for exchange in exchanges:
            yield self._judge(exchange)

    def _judge(self, exchange: Exchange) -> Outcome:
        if exchange.is_stream or "multipart" in exchange.request:
            return Outcome(exchange, "skipped", "streams and uploads are not replayed yet")
        try:
            answer = self._send(exchange)
        except UnknownCaptureError as error:
            return Outcome(exchange, "skipped", str(error))
        self._capture(exchange, answer)
        differences = tuple(_differences(exchange, answer))
        if not differences:
            return Outcome(exchange, "equal")
        rule = intended(exchange, answer)
        if rule is not None:
            return Outcome(exchange, "intended", rule.name, differences)
        return Outcome(exchange, "different", "; ".join(map(str, differences[:5])), differences)

    def _send(self, exchange: Exchange) -> Answer:
        for step in exchange.before:
            time.sleep(float(step.get("sleep", 0)))
        wanted = self._filled({**exchange.request, **exchange.template})
        content = json.dumps(wanted["json"]) if "json" in wanted else wanted.get("body")
        response = self.client.request(
            wanted["method"],
            wanted["path"],
            params=wanted.get("query") or None,
            headers=wanted.get("headers"),
            content=content.encode() if content is not None else None,
        )
        return Answer(response.status_code, _json(response), response.headers.get("content-type", ""))

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return PLACEHOLDER.sub(self._captured_value, value)
        if isinstance(value, Mapping):
            return {key: self._filled(member) for key, member in value.items()}
        return [self._filled(member) for member in value] if isinstance(value, list) else value

    def _captured_value(self, match: re.Match[str]) -> str:
        try:
            return self.captured[match[1]]
        except KeyError as error:
            raise UnknownCaptureError(f"needs {match[1]} of an earlier answer") from error

    def _capture(self, exchange: Exchange, answer: Answer) -> None:
        for name, path in exchange.capture.items():
            value = _at(answer.body, path)
            if value is not None:
                self.captured[name] = str(value)


def summary(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Counts by verdict, and the total."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    verdicts: tuple[Verdict, ...] = ("equal", "intended", "different", "skipped")
    return {"total": counts.total(), **{verdict: counts[verdict] for verdict in verdicts}}


def _differences(exchange: Exchange, answer: Answer) -> Iterator[Difference]:
    recorded = exchange.response
    if recorded["status"] != answer.status:
        yield Difference("status", recorded["status"], answer.status)
    if "json" in recorded:
        yield from compare(recorded["json"], answer.body, loose=exchange.loose)
    elif str(recorded.get("content_type", "")).partition(";")[0] != answer.content_type.partition(";")[0]:
        yield Difference("content_type", recorded.get("content_type"), answer.content_type)


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except ValueError:
        return None


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        if isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif isinstance(value, Mapping):
            value = value.get(part)
        else:
            return None
    return value
