"""`make data-homes` lists where embedded servers keep their data, `make clean-data` removes this folder's own.

Started by root, they keep it in `/var/lib/citu/<hash>`, where it stays when the project folder is deleted;
`make data-homes REMOVE=stale` removes the homes whose folder is gone. Whatever is removed is asked about first.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import app_config
from common.messages import data_homes as texts
from core.embedded.homes import Home, HomeInUseError, all_homes, home_of, remove_home
from core.embedded.layout import SYSTEM_DIR


def main(
    arguments: Sequence[str] | None = None, *, system_dir: Path = SYSTEM_DIR, ask: Callable[[str], str] = input
) -> int:
    """Exit code 1 when something that was to be removed is still there."""
    parser = argparse.ArgumentParser(prog="data_homes", description=__doc__)
    parser.add_argument("--remove", choices=("own", "stale"), help="what to remove after a question")
    parser.add_argument("--data-dir", type=Path, help="whose data; by default the setting DATA_DIR")
    options = parser.parse_args(arguments)
    data_dir = options.data_dir or app_config.project_path(app_config.default_service().get("DATA_DIR"))
    own, homes = home_of(data_dir), all_homes(system_dir)
    if options.remove is None:
        _list(own, homes)
        return 0
    chosen = [one for one in homes if one.is_stale] if options.remove == "stale" else [own] * own.path.exists()
    if not chosen:
        print(texts.NOTHING_TO_REMOVE)
        return 0
    for home in chosen:
        print(_line(home, own))
    if ask(texts.CONFIRM.format(count=len(chosen), word=texts.YES)).strip() != texts.YES:
        print(texts.NOTHING_REMOVED)
        return 1
    return max([_remove(home) for home in chosen])


def _list(own: Home, homes: Sequence[Home]) -> None:
    print(texts.OWN.format(path=own.path))
    for home in homes:
        print(_line(home, own))
    stale = [home for home in homes if home.is_stale]
    if stale:
        print(texts.STALE.format(count=len(stale), size=_size(sum(home.size_bytes() for home in stale))))


def _line(home: Home, own: Home) -> str:
    states = (
        (home.path == own.path, texts.STATE_OWN),
        (home.is_running, texts.STATE_RUNNING),
        (home.is_stale, texts.STATE_STALE),
    )
    notes = " ".join(text for applies, text in states if applies)
    return f"{_size(home.size_bytes()):>10}  {home.path}  {home.data_dir or '?'}  {notes}".rstrip()


def _remove(home: Home) -> int:
    try:
        remove_home(home)
    except HomeInUseError:
        print(texts.IN_USE.format(path=home.path), file=sys.stderr)
        return 1
    except OSError as error:
        print(texts.NOT_REMOVED.format(path=home.path, reason=error.strerror), file=sys.stderr)
        return 1
    print(texts.REMOVED.format(path=home.path))
    return 0


def _size(number: int) -> str:
    return f"{number / 2**20:,.0f} MB"


if __name__ == "__main__":
    sys.exit(main())
