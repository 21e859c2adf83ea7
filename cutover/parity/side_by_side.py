"""Sends the same requests to two running services; the answers of the one are the measure of the other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.replay import Outcome, judged
from cutover.parity.sending import Sender, UnknownCaptureError, UnknownStepError, at

TIMEOUT_SECONDS = 120


def compare_services(requests: Path, *, old_url: str, new_url: str) -> list[Outcome]:
    """Each request to both, in order; ids captured from each one's answers go into its own later requests.

    Args:
        requests: JSON lines, each a request (`method`, `path`, ...) or a whole recorded exchange.
    """
    outcomes = []
    with ExitStack() as stack:
        old, new = (
            Sender(stack.enter_context(httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS, trust_env=False)))
            for url in (old_url, new_url)
        )
        ids: dict[str, str] = {}
        for exchange in _requests(requests):
            outcomes.append(_compared(exchange, old, new, ids))
    return outcomes


def _compared(exchange: Exchange, old: Sender, new: Sender, ids: dict[str, str]) -> Outcome:
    try:
        measure, answer = old.send(exchange), new.send(exchange)
    except (UnknownCaptureError, UnknownStepError) as error:
        return Outcome(exchange, "different", f"not sent: {error}")
    for name, path in exchange.capture.items():
        there, here = at(_content(measure), path), at(_content(answer), path)
        if there is not None and here is not None:
            old.captured[name], new.captured[name] = str(there), str(here)
            ids[str(there)] = str(here)
    return judged(replace(exchange, response=_as_recorded(measure)), answer, ids)


def _content(answer: Answer) -> Any:
    return list(answer.events) if answer.events else answer.body


def _as_recorded(answer: Answer) -> Mapping[str, Any]:
    recorded: dict[str, Any] = {"status": answer.status, "content_type": answer.content_type}
    if answer.events:
        return {**recorded, "events": list(answer.events)}
    if answer.body is not None:
        return {**recorded, "json": answer.body}
    return {**recorded, "text": answer.text}


def _requests(path: Path) -> Iterator[Exchange]:
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            row = json.loads(line)
            yield Exchange(
                id=row.get("id", f"request-{number}"),
                app=row.get("app", ""),
                group=row.get("group", "requests"),
                request=row.get("request", row),
                response=row.get("response", {"status": 0}),
                template=row.get("template") or {},
                capture=row.get("capture") or {},
                before=row.get("before") or (),
                loose=frozenset(row.get("loose") or ()),
            )
