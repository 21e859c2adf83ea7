"""Where the recordings of the historical service are, and which of their exchanges cannot be replayed yet."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from core.vector_store.records import Kind, TrainingItem
from scripts.parity.exchanges import Exchange, read_exchanges

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("CITU_RECORDINGS") or ROOT.parent / "shared" / "goldens")
EXCHANGES = FOLDER / "exchanges.jsonl"
MODEL_SCRIPT = FOLDER / "model_script.json"
SEED_BUSINESS = FOLDER / "seed_business.py"
ENTRY = "unified_api"
ABSENT_REASON = f"no recordings at {FOLDER}: set CITU_RECORDINGS to the folder of exchanges.jsonl"

NOT_SERVED_YET = (
    r"/api/test/redis",
    r"/api/v0/ask_agent_stream",
    r"/api/v0/ask_react_agent",
    r"/api/v0/ask_react_agent_stream",
    r"/api/v0/checkpoint/direct/\w+",
    r"/api/v0/conversation/[^/]+/messages",
    r"/api/v0/conversation_(cleanup|limit_enforcement|stats)",
    r"/api/v0/data_pipeline/.+",
    r"/api/v0/database/.+",
    r"/api/v0/embedding_cache_(cleanup|stats)",
    r"/api/v0/qa_cache_(cleanup|stats)",
    r"/api/v0/qa_feedback/.+",
    r"/api/v0/react/.+",
    r"/api/v0/training_data/.+",
    r"/api/v0/user/[^/]+/conversations.*",
)
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
    return [exchange for exchange in all_exchanges() if unserved_route(exchange.request["path"]) is None]


def recorded_training() -> Iterator[tuple[Kind, TrainingItem]]:
    """What group 00 trained through routes that do not exist yet, as records of the training store."""
    for exchange in all_exchanges():
        if exchange.group.startswith("00") and exchange.request["path"].endswith("training_data/create"):
            data = exchange.request["json"]["data"]
            for row in data if isinstance(data, list) else [data]:
                yield _training_item(row)


def _training_item(row: dict[str, str]) -> tuple[Kind, TrainingItem]:
    kinds: dict[str, tuple[Kind, str]] = {
        "ddl": ("ddl", "ddl"),
        "sql": ("sql", "sql"),
        "documentation": ("documentation", "content"),
    }
    kind, member = kinds[row["training_data_type"]]
    return kind, TrainingItem(row[member], row.get("question", ""))


def shown(exchange: Exchange) -> str:
    """A test id: readable, short, unique."""
    note = re.sub(r"\W+", "-", exchange.note, flags=re.ASCII).strip("-")[:40]
    return f"{exchange.group[:2]}-{exchange.id}-{note}"


def text_of(exchange: Exchange) -> str:
    """The request in one line, for reports."""
    body = exchange.request.get("json", exchange.request.get("body", ""))
    return f"{exchange.request['method']} {exchange.request['path']} {json.dumps(body, ensure_ascii=False)[:200]}"
