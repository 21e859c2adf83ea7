"""The ReAct agent in a terminal: `python -m react_agent.shell [--user NAME]`.

Only started as a program, never imported by this package: an entry, so it may import what is wired above.
"""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> int:
    """See `serving.react_terminal.main`.

    Started as a file, Python would take this folder's modules for the project's: the project's root comes first.
    """
    here = Path(__file__).resolve().parent
    sys.path[:] = [str(here.parent), *(path for path in sys.path if Path(path or ".").resolve() != here)]
    from serving.react_terminal import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
