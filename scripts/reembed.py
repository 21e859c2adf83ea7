"""`python -m scripts.reembed`: embeds the training records anew after the embedding model or its dimension changed.

Safe beside a running service and at any time: finished batches stay, a second run goes on or finds nothing to do. With
many records it also builds the approximate search index. `--count` only says how many records wait.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from bootstrap.container import build_container
from common.errors import CituError


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when no record is left without a usable vector, 1 when the work was broken off or some are left."""
    parser = argparse.ArgumentParser(prog="scripts.reembed", description=__doc__)
    parser.add_argument("--count", action="store_true", help="say how many records need a new vector, change nothing")
    options = parser.parse_args(arguments)
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    container = build_container()
    try:
        container.start()
        work = container.reembedding
        if options.count:
            console.print(f"{work.pending()} records need a new vector")
            return 0
        outcome = work.run(lambda done, total: errors.print(f"{done} of {total}"))
    except CituError as error:
        errors.print(error.message, style="red", markup=False, soft_wrap=True)
        return 1
    finally:
        container.close()
    console.print(f"{outcome.embedded} records embedded, {outcome.unreadable} unreadable")
    console.print("approximate index: " + ("in use" if outcome.has_index else "not needed"))
    return 0 if outcome.unreadable == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
