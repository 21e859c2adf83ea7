"""The ReAct agent in a terminal: `python -m react_agent.shell [--user NAME]`.

Only started as a program: what it needs is wired above this package, so it is found by name and never imported here.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, Final

WIRING: Final = "bootstrap.react_shell"


def main() -> int:
    """See `bootstrap.react_shell.main`."""
    here = Path(__file__).resolve().parent
    sys.path[:] = [str(here.parent), *(path for path in sys.path if Path(path or ".").resolve() != here)]
    wiring: Any = importlib.import_module(WIRING)
    return int(wiring.main())


if __name__ == "__main__":
    sys.exit(main())
