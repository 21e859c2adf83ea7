"""Replays recorded exchanges against a running service, in order, and judges every answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx

from scripts.parity.answers import Answer
from scripts.parity.compare import Difference, compare
from scripts.parity.exchanges import Exchange
from scripts.parity.rules import intended, old_defects
from scripts.parity.sending import Sender, UnknownCaptureError, UnknownStepError, at

Verdict = Literal["equal", "intended", "different", "skipped"]
VERDICTS: tuple[Verdict, ...] = ("equal", "intended", "different", "skipped")


@dataclass(frozen=True)
class Outcome:
    """One judged exchange; `why` names the rules, the differences or the reason for skipping."""

    exchange: Exchange
    verdict: Verdict
    why: str = ""
    differences: tuple[Difference, ...] = ()


@dataclass
class Replayer:
    """Replays exchanges one after another; captured ids travel from answers into later requests and expectations."""

    client: httpx.Client
    _ids: dict[str, str] = field(default_factory=dict)
    _lost: dict[str, Outcome] = field(default_factory=dict)

    def replay(self, exchanges: Iterable[Exchange]) -> Iterator[Outcome]:
        """Outcomes in the order of the exchanges."""
        sender = Sender(self.client)
        for exchange in exchanges:
            outcome = self._judge(sender, exchange)
            missing = exchange.capture.keys() - sender.captured.keys()
            self._lost |= dict.fromkeys(missing, outcome)
            yield outcome

    def _judge(self, sender: Sender, exchange: Exchange) -> Outcome:
        try:
            answer = sender.send(exchange)
        except UnknownCaptureError as error:
            return self._without_capture(exchange, error.name)
        except UnknownStepError as error:
            return Outcome(exchange, "skipped", str(error))
        self._capture(sender, exchange, answer)
        differences = tuple(_differences(exchange, answer, self._ids))
        if not differences:
            return _equal(exchange, answer)
        rules = intended(exchange, answer, differences)
        if rules:
            return Outcome(exchange, "intended", ", ".join(rule.name for rule in rules), differences)
        return Outcome(exchange, "different", "; ".join(map(str, differences[:5])), differences)

    def _without_capture(self, exchange: Exchange, name: str) -> Outcome:
        """An id that an intended difference took away takes the exchanges with it that needed it."""
        lost = self._lost.get(name)
        if lost is not None and lost.verdict == "intended":
            return Outcome(exchange, "intended", f"{name} is absent: {lost.why}")
        return Outcome(exchange, "skipped", f"needs {name} of an earlier answer")

    def _capture(self, sender: Sender, exchange: Exchange, answer: Answer) -> None:
        recorded = exchange.response.get("events") if exchange.is_stream else exchange.response.get("json")
        received = list(answer.events) if exchange.is_stream else answer.body
        for name, path in exchange.capture.items():
            value = at(received, path)
            if value is not None:
                sender.captured[name] = str(value)
                self._ids[str(at(recorded, path))] = str(value)


def summary(outcomes: Iterable[Outcome]) -> dict[str, int]:
    """Counts by verdict, and the total."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    return {"total": counts.total(), **{verdict: counts[verdict] for verdict in VERDICTS}}


def summary_by_group(outcomes: Iterable[Outcome]) -> dict[str, dict[str, int]]:
    """`summary` of each group, in the order the groups were replayed."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.exchange.group, []).append(outcome)
    return {group: summary(members) for group, members in groups.items()}


def _equal(exchange: Exchange, answer: Answer) -> Outcome:
    """An answer as recorded, unless what was recorded is a defect that was to be mended."""
    defects = ", ".join(rule.name for rule in old_defects(exchange, answer))
    return Outcome(exchange, "different", f"the old defect: {defects}") if defects else Outcome(exchange, "equal")


def _differences(exchange: Exchange, answer: Answer, ids: Mapping[str, str]) -> Iterator[Difference]:
    recorded = exchange.response
    if recorded["status"] != answer.status:
        yield Difference("status", recorded["status"], answer.status)
    if exchange.is_stream:
        yield from compare(recorded["events"], list(answer.events), loose=exchange.loose, ids=ids)
    elif "json" in recorded:
        yield from compare(recorded["json"], answer.body, loose=exchange.loose, ids=ids)
    else:
        yield from _page_differences(recorded, answer)


def _page_differences(recorded: Mapping[str, Any], answer: Answer) -> Iterator[Difference]:
    """Pages by type; files by name and by text, as far as it was recorded."""
    if str(recorded.get("content_type", "")).partition(";")[0] != answer.content_type.partition(";")[0]:
        yield Difference("content_type", recorded.get("content_type"), answer.content_type)
    if "text" in recorded:
        received = answer.text[: len(recorded["text"])] if "truncated" in recorded else answer.text
        if received != recorded["text"]:
            yield Difference("text", recorded["text"], received)
    name = (recorded.get("headers") or {}).get("content-disposition")
    if name is not None and name != answer.headers.get("content-disposition"):
        yield Difference("content-disposition", name, answer.headers.get("content-disposition"))
