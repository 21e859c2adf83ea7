"""The two ways back: `python -m scripts.rollback entry` and `python -m scripts.rollback release TAG`.

Both stop the service of this folder, start the older one on the same stores and port, check that it answers and reads
what the other wrote, and then stay with it until Ctrl-C. docs/runbook-rollback.md says when to take which.
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

import app_config
from bootstrap.stores import find_stores
from common.config_service import ConfigService
from common.errors import CituError
from core.schema_migrations import current_revision
from scripts.running_service import find_service, stop_service

ROOT: Final = Path(__file__).resolve().parents[1]
RELEASES: Final = ROOT / "data" / "releases"
START_SECONDS: Final = 120
USER: Final = "rollback_check"
_TAG: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_REVISION: Final = re.compile(r'^revision(?:\s*:[^=]+)?\s*=\s*["\']([^"\']+)', re.M)
_CONTRACTION: Final = re.compile(r"^is_contraction\s*(?::[^=]+)?=\s*True", re.M)


class RollbackError(Exception):
    """A step cannot be done; one sentence. What ran before runs on, unless the sentence says otherwise."""


@dataclass(frozen=True)
class Traces:
    """What the service that is left wrote: a verdict with `token`, and a conversation."""

    token: str
    feedback_id: int
    conversation_id: str


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 after an orderly stop, 1 with one sentence when there is no way back."""
    options = _options(arguments)
    settings = app_config.default_service()
    try:
        stores = find_stores(settings, _say)
    except CituError as error:
        print(error.message, file=sys.stderr)
        return 1
    try:
        if options.way == "entry":
            return _take_over([sys.executable, "citu_app.py"], ROOT, dict(os.environ), settings)
        folder = prepare_release(options.tag, current_revision(stores.platform_url))
        launcher = "serving.serve" if (folder / "serving").is_dir() else "bootstrap.serve"  # its room in older releases
        command = [str(folder / ".venv" / "bin" / "python"), "-m", launcher]
        return _take_over(command, folder, release_environment(settings), settings)
    except (RollbackError, CituError, OSError, subprocess.CalledProcessError) as error:
        print(f"rollback: {error}", file=sys.stderr)
        return 1
    finally:
        stores.close()


def prepare_release(tag: str, revision: str | None) -> Path:
    """The folder of the tag's release, checked out, with a virtual environment of its own.

    Args:
        revision: the migration the platform database is at.

    Raises:
        RollbackError: no such tag, or the database has lost something that release needs.
    """
    if not _TAG.fullmatch(tag):
        raise RollbackError(f"{tag!r} is no tag name")
    commit = _git("rev-parse", "--verify", "--quiet", f"refs/tags/{tag}^{{commit}}")
    folder = RELEASES / tag
    if not folder.exists():
        _say(f"1 checking out {tag} ({commit[:10]}) into {folder}")
        _git("worktree", "add", "--detach", str(folder), commit)
    elif _git("rev-parse", "HEAD", folder=folder) != commit or _git("status", "--porcelain", folder=folder):
        raise RollbackError(f"{folder} is not {tag} as it was tagged; remove it with `git worktree remove --force`")
    else:
        _say(f"1 {folder} is {tag} ({commit[:10]}) already")
    check_schema(ROOT / "migrations" / "versions", folder / "migrations" / "versions", revision)
    if (ROOT / ".env").exists():
        shutil.copy2(ROOT / ".env", folder / ".env")
    _say("3 installing that release's own pinned dependencies")
    environ = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    python = f"PYTHON={getattr(sys, '_base_executable', sys.executable)}"
    subprocess.run(["make", "-C", str(folder), ".venv/.runtime", python], check=True, env=environ)
    return folder


def check_schema(own: Path, older: Path, revision: str | None) -> None:
    """Say how far the database is ahead of the older release.

    Raises:
        RollbackError: a migration in between took something away (it says `is_contraction = True`), or the database
            is at a migration nobody knows.
    """
    known, present = _revisions(older), _revisions(own)
    if revision is None or revision in known:
        _say(f"2 the database is at migration {revision}, which that release knows")
        return
    if revision not in present:
        raise RollbackError(f"the database is at migration {revision}, which neither release knows")
    ahead = sorted(set(present) - set(known))
    lost = [name for name in ahead if _CONTRACTION.search(present[name])]
    if lost:
        raise RollbackError(f"migrations {', '.join(lost)} removed what that release needs; choose a newer tag")
    _say(f"2 the database is at migration {revision}, ahead by {', '.join(ahead)}; they only add, so that release runs")


def release_environment(settings: ConfigService) -> dict[str, str]:
    """This process's environment, with the folders of this installation instead of the release's own."""
    names = ("DATA_DIR", "LOG_DIR", "PIPELINE_OUTPUT_DIR")
    folders = {name: str(app_config.project_path(settings.get(name))) for name in names}
    kept = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    return kept | folders


def _take_over(command: Sequence[str], folder: Path, environ: Mapping[str, str], settings: ConfigService) -> int:
    port = int(settings.get("PORT"))
    running = find_service(port, ROOT, RELEASES)
    host = "127.0.0.1" if running is None else running.host
    url = f"http://127.0.0.1:{port}"
    traces = None
    if running is not None:
        traces = _leave_traces(url)
        started = time.monotonic()
        stop_service(running, port)
        _say(f"4 process {running.process_id} gave the port free after {time.monotonic() - started:.1f} s")
    else:
        _say(f"4 nothing of this folder serves on port {port}")
    started = time.monotonic()
    own = {**environ, "PORT": str(port)} | ({"HOST": host} if "HOST" not in environ else {})
    process = subprocess.Popen(command, cwd=folder, env=own, start_new_session=True)
    try:
        health = _wait_for(process, url)
        _say(f"5 {' '.join(command[-2:])} answers after {time.monotonic() - started:.1f} s: {health}")
        _read_traces(url, traces)
        _say(f"7 serving on {url}; Ctrl-C stops it")
        return process.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        _end(process)


def _leave_traces(url: str) -> Traces | None:
    """Have the service that is left write something; None when it does not answer or takes no writes."""
    token = f"rollback check {secrets.token_hex(8)}"
    verdict = {"question": token, "sql": "SELECT 1", "is_thumb_up": True, "user_id": USER}
    try:
        with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
            added = client.post("/api/v0/qa_feedback/add", json=verdict).json()
            asked = client.post("/api/v0/ask_agent", json={"question": "hello", "user_id": USER}).json()
            return Traces(token, int(added["data"]["feedback_id"]), str(asked["data"]["conversation_id"]))
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        _say(f"  it wrote nothing to check later ({type(error).__name__}); going on")
        return None


def _read_traces(url: str, traces: Traces | None) -> None:
    if traces is None:
        _say("6 nothing was written before, so nothing is read now")
        return
    with httpx.Client(base_url=url, timeout=60, trust_env=False) as client:
        found = client.post("/api/v0/qa_feedback/query", json={"page_size": 100}).json()["data"]["records"]
        has_verdict = any(record["question"] == traces.token for record in found)
        path = f"/api/v0/conversation/{traces.conversation_id}/messages"
        messages = client.get(path).json()["data"]["messages"]
        client.delete(f"/api/v0/qa_feedback/delete/{traces.feedback_id}")
    _say(f"6 it reads the verdict: {has_verdict}, and the conversation: {len(messages)} messages")
    if not has_verdict or not messages:
        raise RollbackError("it does not read what was written before; it was stopped again")


def _wait_for(process: subprocess.Popen[bytes], url: str) -> str:
    until = time.monotonic() + START_SECONDS
    with httpx.Client(timeout=10, trust_env=False) as client:
        while time.monotonic() < until and process.poll() is None:
            with suppress(httpx.TransportError):
                return str(client.get(f"{url}/health").json().get("status"))
            time.sleep(0.2)
    raise RollbackError("it did not start; nothing serves now")


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
    if process.poll() is None:
        process.kill()
        process.wait()


def _revisions(folder: Path) -> dict[str, str]:
    """Text of every migration by its id."""
    texts = [path.read_text("utf-8") for path in sorted(folder.glob("*.py"))]
    return {match[1]: text for text in texts if (match := _REVISION.search(text))}


def _git(*arguments: str, folder: Path = ROOT) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RollbackError(f"git {arguments[0]}: {done.stderr.strip() or 'no such tag'}")
    return done.stdout.strip()


def _say(text: str) -> None:
    print(text, flush=True)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.rollback", description=__doc__)
    ways = parser.add_subparsers(dest="way", required=True)
    ways.add_parser("entry", help="the old entry, this code")
    release = ways.add_parser("release", help="the whole tree of an older release")
    release.add_argument("tag")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
