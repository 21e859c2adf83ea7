"""`python -m scripts.training_drift`: lists trained pairs whose SQL no longer works, one JSON object a line.

Exit code 0 when there are none, 1 when there are, 2 when it could not be found out.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from bootstrap.container import Container, build_container
from common.errors import CituError
from common.messages import training_data as texts
from common.tenant import DEFAULT_TENANT_NAME


def main(arguments: Sequence[str] | None = None, container: Container | None = None) -> int:
    """See the module. Args: container: closed at the end; by default one with the settings of this machine."""
    wanted = _parsed(arguments)
    used = container or build_container()
    found = 0
    try:
        for drifted in used.training.drift.all_drifted(wanted.tenant, most=wanted.limit):
            found += 1
            print(json.dumps(drifted, ensure_ascii=False), flush=True)
    except CituError as error:
        print(error.message, file=sys.stderr)
        return 2
    finally:
        used.close()
    return 1 if found else 0


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scripts.training_drift", description=texts.DRIFT_CLI_HELP)
    parser.add_argument("--tenant", default=DEFAULT_TENANT_NAME, help=texts.DRIFT_CLI_TENANT_HELP)
    parser.add_argument("--limit", type=int, default=100_000, help=texts.DRIFT_CLI_LIMIT_HELP)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
