"""Readings of one exchange: what was sent, what was answered then, and what is answered now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange


def body_of(exchange: Exchange) -> Mapping[str, Any]:
    """The JSON object of the request, by whatever type it was sent; empty when there is none."""
    body = exchange.request.get("json")
    return body if isinstance(body, Mapping) else sent_object(exchange) or {}


def sent_object(exchange: Exchange) -> Mapping[str, Any] | None:
    """The JSON object of a body that was sent as text; None when it is none."""
    try:
        found = json.loads(str(exchange.request.get("body", "")))
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def old_answer(exchange: Exchange) -> Answer:
    return Answer(exchange.response["status"], exchange.response.get("json"))


def old_stream(exchange: Exchange) -> Answer:
    """The recorded answer with the events of its stream."""
    return Answer(
        exchange.response["status"], exchange.response.get("json"), events=exchange.response.get("events") or ()
    )


def answer_now(exchange: Exchange) -> Answer:
    """What the service under comparison answered; an empty answer when it was not asked."""
    return exchange.received[-1] if exchange.received else Answer(0)
