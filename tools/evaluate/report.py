"""What a run leaves behind: `outcomes.jsonl` to grep, `report.html` to read, and what changed since an earlier run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from features.evaluation.figures import line_of
from tools.evaluate.asking import Outcome
from tools.evaluate.figures import details_of

OUTCOMES: Final = "outcomes.jsonl"
PAGE: Final = "report.html"
_RIGHT: Final = frozenset({"exact", "soft", "declined"})
_STYLE: Final = """
body{font:14px/1.5 system-ui,sans-serif;margin:2em;max-width:100em}table{border-collapse:collapse;font-size:12px}
td,th{border:1px solid #ccc;padding:1px 6px;text-align:left;vertical-align:top}pre{white-space:pre-wrap;margin:.3em 0}
details{border-bottom:1px solid #ddd;padding:.3em 0}summary{cursor:pointer}.pair{display:flex;gap:2em}.pair>div{flex:1}
.v{display:inline-block;min-width:6em;font-weight:600}.exact,.soft,.declined{color:#176b2c}.wrong,.invented{color:#b00020}
.refused,.chat,.gold_failed{color:#8a6100}
"""


def write_report(folder: Path, outcomes: Sequence[Outcome]) -> None:
    """Write both files into `folder`, which is made when it is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = (json.dumps(outcome.as_json(), ensure_ascii=False) + "\n" for outcome in outcomes)
    (folder / OUTCOMES).write_text("".join(lines), encoding="utf-8")
    (folder / PAGE).write_text(page(outcomes), encoding="utf-8")


def read_outcomes(folder: Path) -> list[Outcome]:
    """The outcomes of an earlier report; raises OSError when there is none."""
    text = (folder / OUTCOMES).read_text(encoding="utf-8")
    return [Outcome(**json.loads(line)) for line in text.splitlines()]


def flips(before: Sequence[Outcome], after: Sequence[Outcome]) -> Iterator[str]:
    """One line for every question whose verdict changed, losses first, then the number of both."""
    earlier = {(outcome.set, outcome.routing, outcome.question): outcome for outcome in before}
    pairs = [(earlier[key], now) for now in after if (key := (now.set, now.routing, now.question)) in earlier]
    changed = [(was, now) for was, now in pairs if was.verdict != now.verdict]
    changed.sort(key=lambda pair: (pair[0].verdict not in _RIGHT, pair[1].verdict))
    for was, now in changed:
        yield f"{was.verdict} -> {now.verdict}  [{now.set}, {now.routing}] {now.question}"
    lost = sum(was.verdict in _RIGHT and now.verdict not in _RIGHT for was, now in changed)
    won = sum(was.verdict not in _RIGHT and now.verdict in _RIGHT for was, now in changed)
    yield f"right answers won {won}, lost {lost}, questions compared {len(pairs)}"


def page(outcomes: Sequence[Outcome]) -> str:
    """The report as one HTML page without scripts or outside files."""
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault((outcome.set, outcome.routing), []).append(outcome)
    parts = [f"<!doctype html><meta charset=utf-8><title>Evaluation</title><style>{_STYLE}</style><h1>Evaluation</h1>"]
    for (name, routing), members in groups.items():
        parts.append(f"<h2>{escape(name)}, {routing}</h2>")
        parts.append(_table(list(line_of(members)), [list(line_of(members).values())]))
        parts.append(f"<pre>{escape(json.dumps(details_of(members), ensure_ascii=False))}</pre>")
        parts += map(_entry, members)
    return "\n".join(parts)


def _entry(outcome: Outcome) -> str:
    understood = f"{outcome.method or '-'}{', ' + outcome.error_type if outcome.error_type else ''}"
    mark = " (figures agree)" if outcome.verdict == "wrong" and outcome.figures else ""
    return (
        f'<details><summary><span class="v {outcome.verdict}">{outcome.verdict}</span> {escape(outcome.question)}{mark}'
        f"</summary><p>{escape(understood)}, {outcome.milliseconds} ms: {escape(outcome.text)}</p><div class=pair>"
        f"<div>reference<pre>{escape(outcome.reference)}</pre>"
        f"{_table(outcome.reference_columns, outcome.reference_rows)}</div>"
        f"<div>ours<pre>{escape(outcome.sql)}</pre>{_table(outcome.our_columns, outcome.our_rows)}</div>"
        "</div></details>"
    )


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    head = "".join(f"<th>{escape(str(column))}</th>" for column in columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(value))}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"
