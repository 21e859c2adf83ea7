"""Replays recorded exchanges against a running service, in order, and judges every answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from cutover.parity.answers import Answer
from cutover.parity.compare import Difference, compare
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import intended, old_defects
from cutover.parity.sending import Sender, UnknownCaptureError, UnknownStepError, at

Verdict = Literal["same", "intended", "different"]
VERDICTS: tuple[Verdict, ...] = ("same", "intended", "different")
KINDS: tuple[Literal["status", "shape", "value"], ...] = ("status", "shape", "value")


@dataclass(frozen=True)
class Outcome:
    """One judged exchange; `why` names the rules or the differences. `answer` is None when nothing could be sent."""

    exchange: Exchange
    verdict: Verdict
    why: str = ""
    differences: tuple[Difference, ...] = ()
    answer: Answer | None = None

    def matches(self, kind: Literal["status", "shape", "value"]) -> bool:
        """Whether the answer agrees with the recorded one in this sense, intended or not."""
        return self.answer is not None and all(difference.kind != kind for difference in self.differences)


@dataclass
class Replayer:
    """Replays exchanges one after another; captured ids travel from answers into later requests and expectations."""

    client: httpx.Client
    given_sender: Sender | None = None
    _ids: dict[str, str] = field(default_factory=dict)
    _lost: dict[str, Outcome] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sender = self.given_sender or Sender(self.client)

    def replay(self, exchanges: Iterable[Exchange]) -> Iterator[Outcome]:
        """Outcomes in the order of the exchanges."""
        for exchange in exchanges:
            outcome = self._judge(exchange)
            missing = exchange.capture.keys() - self.sender.captured.keys()
            self._lost |= dict.fromkeys(missing, outcome)
            yield outcome

    def _judge(self, exchange: Exchange) -> Outcome:
        try:
            answer = self.sender.send(exchange)
        except UnknownCaptureError as error:
            return self._without_capture(exchange, error.name)
        except (UnknownStepError, httpx.TransportError) as error:
            return Outcome(exchange, "different", f"no answer: {error}")
        self._capture(exchange, answer)
        exchange.received.append(answer)
        return judged(exchange, answer, self._ids)

    def _without_capture(self, exchange: Exchange, name: str) -> Outcome:
        """An id that an intended difference took away takes the exchanges with it that needed it."""
        lost = self._lost.get(name)
        if lost is not None and lost.verdict == "intended":
            return Outcome(exchange, "intended", f"{name} is absent: {lost.why}")
        return Outcome(exchange, "different", f"needs {name} of an earlier answer")

    def _capture(self, exchange: Exchange, answer: Answer) -> None:
        recorded = exchange.response.get("events") if exchange.is_stream else exchange.response.get("json")
        received = list(answer.events) if exchange.is_stream else answer.body
        for name, path in exchange.capture.items():
            value = at(received, path)
            if value is not None:
                self.sender.captured[name] = str(value)
                self._ids[str(at(recorded, path))] = str(value)


def judged(exchange: Exchange, answer: Answer, ids: Mapping[str, str]) -> Outcome:
    """An answer against the recorded one; `ids` as in `compare`."""
    differences = tuple(_differences(exchange, answer, ids))
    if not differences:
        defects = ", ".join(rule.name for rule in old_defects(exchange, answer))
        why = f"the old defect: {defects}" if defects else ""
        return Outcome(exchange, "different" if defects else "same", why, answer=answer)
    rules = intended(exchange, answer, differences)
    if rules:
        return Outcome(exchange, "intended", ", ".join(rule.name for rule in rules), differences, answer)
    return Outcome(exchange, "different", "; ".join(map(str, differences[:5])), differences, answer)


def summary(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """The total, the counts by verdict (they add up to it), and how many agree in status, shape and values."""
    judged_ones = list(outcomes)
    counts = Counter(outcome.verdict for outcome in judged_ones)
    matches = {f"{kind}_match": sum(outcome.matches(kind) for outcome in judged_ones) for kind in KINDS}
    return {"total": counts.total(), **{verdict: counts[verdict] for verdict in VERDICTS}, **matches}


def summary_by(
    outcomes: Iterable[Outcome], key: Callable[[Exchange], str] = lambda exchange: exchange.group
) -> dict[str, dict[str, int]]:
    """`summary` of each group, or of what else `key` names, in the order they were replayed."""
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(key(outcome.exchange), []).append(outcome)
    return {name: summary(members) for name, members in found.items()}


def _differences(exchange: Exchange, answer: Answer, ids: Mapping[str, str]) -> Iterator[Difference]:
    recorded = exchange.response
    if recorded["status"] != answer.status:
        yield Difference("status", recorded["status"], answer.status, "status")
    if exchange.is_stream:
        yield from compare(recorded["events"], list(answer.events), loose=exchange.loose, ids=ids)
    elif "json" in recorded:
        yield from compare(recorded["json"], answer.body, loose=exchange.loose, ids=ids)
    else:
        yield from _page_differences(recorded, answer)


def _page_differences(recorded: Mapping[str, Any], answer: Answer) -> Iterator[Difference]:
    """Pages by type; files by name and by text, as far as it was recorded."""
    if str(recorded.get("content_type", "")).partition(";")[0] != answer.content_type.partition(";")[0]:
        yield Difference("content_type", recorded.get("content_type"), answer.content_type, "shape")
    if "text" in recorded:
        received = answer.text[: len(recorded["text"])] if "truncated" in recorded else answer.text
        if received != recorded["text"]:
            yield Difference("text", recorded["text"], received)
    name = (recorded.get("headers") or {}).get("content-disposition")
    if name is not None and name != answer.headers.get("content-disposition"):
        yield Difference("content-disposition", name, answer.headers.get("content-disposition"))
