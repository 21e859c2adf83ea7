"""Lines for the terminal shell: with editing and a history file at a terminal, plainly from a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

HISTORY_FILE: Final = "react_shell_history"
MAX_LINE_CHARS: Final = 10_000


def read_lines(source: TextIO, folder: Path, *, prompt: str) -> Iterator[str]:
    """Each line until the input ends (Ctrl-D); Ctrl-C at the prompt begins an empty line.

    Args:
        folder: where the history file of a terminal lies; it is made when it does not exist.
    """
    if not source.isatty():
        while line := source.readline(MAX_LINE_CHARS):
            yield line.rstrip("\r\n")
        return
    from prompt_toolkit import PromptSession
    from prompt_toolkit.history import FileHistory

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / HISTORY_FILE
    path.touch(mode=0o600, exist_ok=True)
    session: PromptSession[str] = PromptSession(history=FileHistory(str(path)))
    while True:
        try:
            yield session.prompt(prompt)
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
