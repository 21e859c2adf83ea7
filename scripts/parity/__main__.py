"""`python -m scripts.parity --recordings FILE --base-url URL [--app A] [--groups 01,10]`: replay and report.

Exit code 1 on a difference, 2 when there is nothing to compare. The last line is a JSON object with the counts.

The service must run on the recordings' business data and scripted model; see docs/parity.md.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx

from scripts.parity.exchanges import read_exchanges
from scripts.parity.replay import Outcome, Replayer, summary, summary_by_group


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 0 when nothing differs but what is intended, 1 when something does, 2 without recordings or service."""
    parser = argparse.ArgumentParser(prog="scripts.parity", description=__doc__)
    parser.add_argument("--recordings", type=Path, required=True, help="exchanges, one JSON object a line")
    parser.add_argument("--base-url", default="http://127.0.0.1:8084", help="the service to compare")
    parser.add_argument("--app", default="unified_api", help="the entry whose exchanges are replayed")
    parser.add_argument("--groups", default="", help="prefixes of group names, separated by commas")
    options = parser.parse_args(arguments)
    groups = frozenset(filter(None, options.groups.split(",")))
    try:
        with httpx.Client(base_url=options.base_url, timeout=60, trust_env=False) as client:
            outcomes = list(Replayer(client).replay(read_exchanges(options.recordings, app=options.app, groups=groups)))
    except (OSError, httpx.TransportError) as error:
        print(f"nothing to compare: {error}", file=sys.stderr)
        return 2
    return _report(outcomes)


def _report(outcomes: Sequence[Outcome]) -> int:
    for outcome in outcomes:
        if outcome.verdict != "equal":
            print(f"{outcome.verdict:9} {outcome.exchange.id} {outcome.exchange.group}: {outcome.why}")
    for group, counted in summary_by_group(outcomes).items():
        print(f"{group}: " + ", ".join(f"{count} {verdict}" for verdict, count in counted.items()))
    counts = summary(outcomes)
    print(json.dumps(counts))
    return 1 if counts["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
