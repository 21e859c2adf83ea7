"""`python -m scripts.parity replay|rehearse|compare|record`: proves that two services answer alike.

    replay GOLDENS --base-url URL     recorded exchanges against a running service
    rehearse DIR [--entry unified]    the same, after setting everything up: stores, data, model, the entry itself
    compare --old URL --new URL FILE  the same requests to two running services
    record --out FILE [--entry citu]  serves an entry and writes its exchanges

Reports go to the standard output, a table by route and a JSON object as the last line; `--html FILE` shows the answers
side by side. Exit code 0 when nothing differs but what is intended, 1 when something does, 2 when nothing was compared.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx

from cutover.parity.exchanges import RECORDED_NAMES, read_exchanges
from cutover.parity.replay import Outcome, Replayer
from cutover.parity.report import print_groups, print_report, write_html
from cutover.parity.side_by_side import compare_services

TIMEOUT_SECONDS = 120


def main(arguments: Sequence[str] | None = None) -> int:
    """See the module; returns the exit code."""
    options = _options(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except (OSError, httpx.TransportError) as error:
        print(f"nothing to compare: {error}", file=sys.stderr)
        return 2


def _replay(options: argparse.Namespace) -> int:
    exchanges = read_exchanges(options.goldens, app=RECORDED_NAMES[options.entry], groups=_names(options.groups))
    with httpx.Client(base_url=options.base_url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        client.get("/")
        return _report(list(Replayer(client).replay(exchanges)), options)


def _rehearse(options: argparse.Namespace) -> int:
    from tools.parity_rehearsal import rehearse

    outcomes = rehearse(options.goldens, entry=options.entry, groups=_names(options.groups))
    scored = _names(options.score_groups)
    print_groups(outcomes)
    return _report([one for one in outcomes if not scored or one.exchange.group in scored], options)


def _compare(options: argparse.Namespace) -> int:
    outcomes = compare_services(options.requests, old_url=options.old, new_url=options.new)
    return _report(outcomes, options)


def _record(options: argparse.Namespace) -> int:
    from tools.parity_rehearsal import serve_and_record

    return serve_and_record(options.entry, options.out, port=options.port)


def _report(outcomes: Sequence[Outcome], options: argparse.Namespace) -> int:
    if options.html is not None:
        write_html(options.html, outcomes)
    counts = print_report(outcomes)
    if not counts["total"]:
        return 2
    return 1 if counts["different"] else 0


def _names(text: str) -> frozenset[str]:
    return frozenset(filter(None, text.split(",")))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts.parity", description=__doc__.partition("\n")[0] if __doc__ else "")
    commands = parser.add_subparsers(required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], description: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=description, description=description)
        added.set_defaults(run=run)
        added.add_argument("--html", type=Path, help="write the answers side by side to this file")
        return added

    def about_entries(added: argparse.ArgumentParser) -> None:
        added.add_argument("--entry", choices=sorted(RECORDED_NAMES), default="unified", help="which entry it is about")

    replay = command("replay", _replay, "recorded exchanges against a running service")
    replay.add_argument("goldens", type=Path, help="a file of exchanges or a folder of such files")
    replay.add_argument("--base-url", default="http://127.0.0.1:8084", help="the running service")
    rehearse = command("rehearse", _rehearse, "set everything up and replay the recorded exchanges")
    rehearse.add_argument("goldens", type=Path, help="a folder with exchanges, the business data and the model script")
    rehearse.add_argument("--score-groups", default="", help="whole group names counted in the last line; all if none")
    for added in (replay, rehearse):
        about_entries(added)
        added.add_argument("--groups", default="", help="prefixes of the groups to replay, separated by commas")
    compare = command("compare", _compare, "the same requests to two running services")
    compare.add_argument("requests", type=Path, help="requests or exchanges, one JSON object a line")
    compare.add_argument("--old", required=True, help="base URL of the service whose answers are the measure")
    compare.add_argument("--new", required=True, help="base URL of the service that is to answer alike")
    record = command("record", _record, "serve an entry and write its exchanges to a file")
    about_entries(record)
    record.add_argument("--out", type=Path, required=True, help="file the exchanges are appended to")
    record.add_argument("--port", type=int, default=8084, help="port to serve on")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
