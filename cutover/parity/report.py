"""What a replay found, for people: a table by route, the differences, and a page with the answers side by side."""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cutover.parity.replay import Outcome, summary, summary_by

COLUMNS = ("total", "same", "intended", "different", "status_match", "shape_match", "value_match")
PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Parity</title>
<style>
body {{ font: 14px/1.4 system-ui, sans-serif; margin: 2rem; }}
table {{ border-collapse: collapse; }} td, th {{ border: 1px solid #ccc; padding: .2rem .5rem; text-align: left; }}
details {{ margin: .5rem 0; }} .different summary {{ color: #b00020; }} .intended summary {{ color: #7a5b00; }}
.sides {{ display: grid; grid-template-columns: 1fr 1fr; gap: 1rem; }}
pre {{ background: #f6f6f6; padding: .5rem; overflow: auto; max-height: 30rem; white-space: pre-wrap; }}
</style>
<h1>Parity</h1>
{table}
{details}
</html>
"""


def print_groups(outcomes: Sequence[Outcome]) -> None:
    """One line a group, in the order they were replayed."""
    for group, counts in summary_by(outcomes).items():
        print(f"{group}: {json.dumps(counts)}")


def print_report(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """What is not the same, a table by route, how often each rule was needed, and the counts as the last line."""
    for outcome in outcomes:
        if outcome.verdict != "same":
            print(f"{outcome.verdict:9} {outcome.exchange.id} {outcome.exchange.route}: {outcome.why}")
    by_route = summary_by(outcomes, lambda exchange: exchange.route)
    width = max(map(len, by_route), default=5)
    print(f"{'route':{width}} " + " ".join(f"{name:>12}" for name in COLUMNS))
    for route, counts in sorted(by_route.items()):
        print(f"{route:{width}} " + " ".join(f"{counts[name]:>12}" for name in COLUMNS))
    for rule, count in rule_counts(outcomes).most_common():
        print(f"rule {rule}: {count}")
    counts = summary(outcomes)
    print(json.dumps(counts))
    return counts


def rule_counts(outcomes: Sequence[Outcome]) -> Counter[str]:
    """How many intended differences each rule, or combination of rules, explains."""
    return Counter(outcome.why for outcome in outcomes if outcome.verdict == "intended")


def write_html(path: Path, outcomes: Sequence[Outcome]) -> None:
    """A page of its own without scripts or outside addresses; everything shown is escaped."""
    rows = {"all": summary(outcomes), **summary_by(outcomes)}
    shown = [outcome for outcome in outcomes if outcome.verdict != "same"]
    page = PAGE.format(table=_table(rows), details="\n".join(map(_details, shown)))
    path.write_text(page, encoding="utf-8")


def _table(rows: Mapping[str, Mapping[str, int]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in ("group", *COLUMNS))
    body = "".join(
        f"<tr><td>{html.escape(name)}</td>" + "".join(f"<td>{counts[column]}</td>" for column in COLUMNS) + "</tr>"
        for name, counts in rows.items()
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _details(outcome: Outcome) -> str:
    exchange, answer = outcome.exchange, outcome.answer
    title = html.escape(f"{outcome.verdict}: {exchange.id} {exchange.route} - {outcome.why}")
    recorded = {"status": exchange.response["status"], **_content(exchange.response)}
    received: Any = "no answer"
    if answer is not None:
        received = {"status": answer.status, "content": answer.body or list(answer.events) or answer.text}
    listed = "".join(f"<li>{html.escape(str(difference))}</li>" for difference in outcome.differences)
    return (
        f'<details class="{outcome.verdict}"><summary>{title}</summary>{_pre(dict(exchange.request))}<ul>{listed}</ul>'
        f'<div class="sides">{_pre(recorded)}{_pre(received)}</div></details>'
    )


def _content(response: Mapping[str, Any]) -> dict[str, Any]:
    return {"content": response.get("json", response.get("events", response.get("text")))}


def _pre(value: Any) -> str:
    return f"<pre>{html.escape(json.dumps(value, ensure_ascii=False, indent=1, default=str))}</pre>"
