"""The ReAct agent as a service of its own: `python -m react_agent.api`, or `uvicorn react_agent.api:asgi_app`.

A name of this module is built when it is first asked for: `app` (WSGI), `asgi_app`, `resource_manager`, `main`. No
module of this package imports it: it is an entry, so it may import what is wired above, at its first use.
"""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from types import ModuleType

    from serving.react_api import StandaloneEntry

NAMES: Final = frozenset({"app", "asgi_app", "main", "resource_manager", "get_agent", "startup", "cleanup"})


def __getattr__(name: str) -> Any:
    if name not in NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "main":
        return _wiring().main
    entry = _entry()
    if name in ("app", "asgi_app"):
        return getattr(entry, name)
    resources = entry.container.chat_resources
    methods = {"get_agent": "get_agent", "startup": "initialize", "cleanup": "cleanup"}
    return getattr(resources, methods[name]) if name in methods else resources


@functools.cache
def _entry() -> StandaloneEntry:
    entry: StandaloneEntry = _wiring().build_entry()
    return entry


def _wiring() -> ModuleType:
    """Started as a file, Python would take this folder's modules for the project's: the project's root comes first."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [str(here.parent), *(path for path in sys.path if Path(path or ".").resolve() != here)]
    from serving import react_api

    return react_api


if __name__ == "__main__":
    sys.exit(_wiring().main())
