"""Sets up what the recordings were made on, starts an entry of this project on it, and replays them against it.

Each phase of the recordings has stores of its own, empty at its start: databases on the embedded servers under
`data/parity`, which are shared by no other command. The model is the tests' scripted server.
"""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

import httpx
import redis

from core.embedded import ServerAddresses, acquire_servers
from core.sql_executor.reader_role import ensure_reader_role
from cutover.parity.exchanges import RECORDED_NAMES, Exchange, read_exchanges
from cutover.parity.replay import Outcome, Replayer
from cutover.parity.sending import Sender
from tools.harness.entries import program_of, running_entry
from tools.harness.model_server import ScriptedModelServer
from tools.harness.processes import ROOT
from tools.scratch_databases import fresh_database

DATA: Final = ROOT / "data" / "parity"
DATABASES: Final = {"platform": "citu_parity_platform", "business": "highway_db"}
READER: Final = ("citu_parity_reader", "parity reader")
TIMEOUT_SECONDS: Final = 120
RECORDED_ADDRESS: Final = "postgresql://reader:secret@db.example:5432/highway_db"
"""Stands in requests for the address of the business database."""

RECORDED_SETTINGS: Final[Mapping[str, str]] = {
    "LLM_PROVIDER": "openai",
    "LLM_API_KEY": "scripted",
    "LLM_MODEL": "scripted",
    "LLM_MAX_CALLS": "1",
    "DEMO_DATA": "false",
    "MAX_WORKERS": "1",
    "CONVERSATION_CONTEXT_COUNT": "2",
    "CONVERSATION_MAX_LENGTH": "10",
    "USER_MAX_CONVERSATIONS": "5",
    "API_MAX_RETURN_ROWS": "1000",
    "QUESTION_ROUTING_MODE": "hybrid",
    "ENABLE_QUESTION_ANSWER_CACHE": "false",
}
"""How the historical service was set while it was recorded."""


def rehearse(folder: Path, *, entry: str, groups: frozenset[str] = frozenset()) -> list[Outcome]:
    """The outcomes of every exchange of `entry` in the chosen groups, phase after phase.

    What was recorded before a chosen exchange is replayed first, for answers depend on it; only the chosen ones count.

    Args:
        folder: has the exchanges (`*.jsonl`), `seed_business.py` and `model_script.json`.
        entry: `unified` or `citu`.
        groups: prefixes of group names; none means all.

    Raises:
        OSError: one of these files is missing.
    """
    prefixes = tuple(groups) or ("",)
    exchanges = read_exchanges(folder, app=RECORDED_NAMES[entry])
    outcomes: list[Outcome] = []
    with acquire_servers(DATA) as lease, ScriptedModelServer() as model:
        model.load_script(folder / "model_script.json")
        for phase, members in groupby(exchanges, key=lambda exchange: exchange.phase):
            recorded = _up_to_the_last(list(members), prefixes)
            if not recorded:
                continue
            print(f"phase {phase}: {len(recorded)} exchanges", file=sys.stderr, flush=True)
            settings = _fresh_stores(lease.addresses, folder) | {"LLM_BASE_URL": model.base_url}
            outcomes += _replayed(entry, phase, recorded, settings)
    return [one for one in outcomes if one.exchange.group.startswith(prefixes)]


def _up_to_the_last(exchanges: Sequence[Exchange], prefixes: tuple[str, ...]) -> Sequence[Exchange]:
    chosen = [place for place, one in enumerate(exchanges, start=1) if one.group.startswith(prefixes)]
    return exchanges[: max(chosen, default=0)]


def serve_and_record(entry: str, out: Path, *, port: int) -> int:
    """Serve an entry with this machine's own settings until Ctrl-C, its exchanges appended to `out`."""
    environ = {**os.environ, "RECORD_EXCHANGES": str(out.resolve()), "PORT": str(port)}
    process = subprocess.Popen([sys.executable, *program_of(entry)], env=environ, cwd=ROOT)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return process.wait()


def _replayed(entry: str, phase: str, exchanges: Sequence[Exchange], settings: Mapping[str, str]) -> list[Outcome]:
    environ = {**RECORDED_SETTINGS, **settings}
    if "cache" in phase:
        environ["ENABLE_QUESTION_ANSWER_CACHE"] = "true"
    with (
        running_entry(entry, environ, is_plain="flask" in phase, log=DATA / f"{phase}.log") as running,
        httpx.Client(base_url=running.url, timeout=TIMEOUT_SECONDS, trust_env=False) as client,
        redis.Redis.from_url(environ["REDIS_URL"]) as store,
    ):
        stand_ins = {RECORDED_ADDRESS: environ["BUSINESS_DATABASE_URL"]}
        sender = Sender(client, run_redis=lambda command: store.execute_command(*command), stand_ins=stand_ins)
        return list(Replayer(client, sender).replay(exchanges))


def _fresh_stores(servers: ServerAddresses, folder: Path) -> dict[str, str]:
    """Settings that name empty stores with the recordings' business data."""
    platform = fresh_database(servers.platform_url, DATABASES["platform"])
    business = fresh_database(servers.business_owner_url, DATABASES["business"])
    runpy.run_path(str(folder / "seed_business.py"))["main"](business)
    with redis.Redis.from_url(servers.redis_url) as store:
        store.flushall()
    role, password = READER
    reader = ensure_reader_role(business, role=role, password=password, schemas=["public", "ods"])
    training = DATA / "data_pipeline" / "training_data"
    shutil.rmtree(training, ignore_errors=True)
    urls = {"DATABASE_URL": platform, "BUSINESS_DATABASE_URL": reader, "REDIS_URL": servers.redis_url}
    return {**urls, "BUSINESS_SCHEMAS": "public,ods", "PIPELINE_OUTPUT_DIR": str(training)}
