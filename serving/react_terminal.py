"""Starts the ReAct agent in a terminal (`python -m react_agent.shell`) on the stores of the service."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

import app_config
from bootstrap.container import build_container
from common.errors import CituError
from common.messages import react_shell as texts
from core.logging import quiet_console
from features.runs.react_engine import step_name
from react_agent.terminal import ReactShell
from react_agent.terminal_input import read_lines
from react_agent.terminal_text import plain


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 after `/quit` or the end of input, 1 when the service cannot start, 2 for a wrong user id."""
    parser = argparse.ArgumentParser(prog="react_agent.shell", description=__doc__)
    parser.add_argument("--user", help="whose threads these are (setting REACT_DEFAULT_USER_ID)")
    options = parser.parse_args(arguments)
    try:
        container = build_container()
    except CituError as error:
        sys.stderr.write(f"{plain(error.message)}\n")
        return 1
    settings = container.settings
    user_id = options.user if options.user is not None else settings.get("REACT_DEFAULT_USER_ID")
    if not 0 < len(user_id) <= 50 or ":" in user_id or plain(user_id, is_one_line=True) != user_id:
        sys.stderr.write(f"{texts.USER_INVALID}\n")
        return 2
    quiet_console()
    try:
        container.start()
        shell = ReactShell(
            container.react, engine=settings.get("LLM_PROVIDER"), step_name=step_name, user_id=user_id, out=sys.stdout
        )
        folder = app_config.project_path(settings.get("DATA_DIR"))
        shell.run(read_lines(sys.stdin, folder, prompt=f"[{user_id[:8]}]> "))
    except CituError as error:
        sys.stderr.write(f"{plain(error.message)}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    finally:
        container.close()
    return 0
