"""Where the recordings of the historical service are, and which of their exchanges cannot be replayed yet."""

import json
import os
import re
from pathlib import Path

from cutover.parity.exchanges import Exchange, read_exchanges

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("CITU_RECORDINGS") or ROOT.parent / "shared" / "goldens")
EXCHANGES = FOLDER / "exchanges.jsonl"
MODEL_SCRIPT = FOLDER / "model_script.json"
SEED_BUSINESS = FOLDER / "seed_business.py"
ENTRY = "unified_api"
ABSENT_REASON = f"no recordings at {FOLDER}: set CITU_RECORDINGS to the folder of exchanges.jsonl"

NOT_SERVED_YET: tuple[str, ...] = ()
"""Whole paths of routes without a handler. A route that gets one must leave this list in the same change."""


def are_present() -> bool:
    return EXCHANGES.is_file() and MODEL_SCRIPT.is_file() and SEED_BUSINESS.is_file()


def all_exchanges() -> list[Exchange]:
    """Every exchange of our entry in replay order; none when there are no recordings."""
    return list(read_exchanges(EXCHANGES, app=ENTRY)) if are_present() else []


def unserved_route(path: str) -> str | None:
    """The row of NOT_SERVED_YET that a path belongs to."""
    return next((route for route in NOT_SERVED_YET if re.fullmatch(route, path)), None)


def replayed_exchanges() -> list[Exchange]:
    """The exchanges that every route we serve, and every path nobody serves, has to answer as recorded."""
    everything = all_exchanges()
    unserved = [exchange for exchange in everything if unserved_route(exchange.request["path"]) is not None]
    unknown = {name for exchange in unserved for name in exchange.capture}
    served = [exchange for exchange in everything if unserved_route(exchange.request["path"]) is None]
    return [exchange for exchange in served if not _needs(exchange, unknown)]


def _needs(exchange: Exchange, names: set[str]) -> bool:
    return any(f"{{{{{name}}}}}" in json.dumps(exchange.template) for name in names)


def shown(exchange: Exchange) -> str:
    """A test id: readable, short, unique."""
    note = re.sub(r"\W+", "-", exchange.note, flags=re.ASCII).strip("-")[:40]
    return f"{exchange.group[:2]}-{exchange.id}-{note}"


def text_of(exchange: Exchange) -> str:
    """The request in one line, for reports."""
    body = exchange.request.get("json", exchange.request.get("body", ""))
    return f"{exchange.request['method']} {exchange.request['path']} {json.dumps(body, ensure_ascii=False)[:200]}"
