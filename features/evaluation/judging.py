"""Judges an answer by its rows against those of the accepted reference statements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from features.evaluation.references import Ran
from features.evaluation.result_sets import Match, ReferenceRows, figures_agree, match

Verdict = Literal["exact", "soft", "wrong", "refused", "chat", "invented", "declined", "gold_failed"]
ReplyKind = Literal["data", "chat", "refused"]
KINDS: Final[tuple[Match, ...]] = ("exact", "soft")
Accepted = tuple[str, tuple[Ran, ReferenceRows]]


def verdict_on(
    references: Sequence[str] | None, accepted: Sequence[Accepted], kind: ReplyKind, ours: Ran | None
) -> tuple[Verdict, bool, tuple[str, Ran | None]]:
    """The verdict, whether the figures agree, and the reference that it is shown beside.

    Args:
        references: accepted statements; None for what the data cannot answer.
        accepted: those of them that run, with their rows.
        kind: `ours` has the answer's rows when it is `data`.
    """
    if references is None:
        return ("invented" if kind == "data" else "declined"), False, ("", None)
    if not accepted:
        return "gold_failed", False, (references[0], None)
    first, (first_ran, _) = accepted[0]
    if ours is None:
        return ("chat" if kind == "chat" else "refused"), False, (first, first_ran)
    matches = [match(rows, ours.rows) for _, (_, rows) in accepted]
    for wanted in KINDS:
        if wanted in matches:
            sql, (ran, _) = accepted[matches.index(wanted)]
            return wanted, True, (sql, ran)
    return "wrong", any(figures_agree(rows, ours.rows) for _, (_, rows) in accepted), (first, first_ran)
