"""Who brings training records, and what the training door lets them do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Literal

Recall = Literal["decided", "pending", "each"]
"""Which earlier rows of the same text count in quarantine: the last decision, what waits now, or none."""


class Standing(Enum):
    """What a record's writer may: VOUCHED is an administrator's or the product's own word, OPEN is used unless there
    is a doubt, WAITING is never used unseen.
    """

    VOUCHED = "vouched"
    OPEN = "open"
    WAITING = "waiting"


@dataclass(frozen=True)
class Origin:
    """Who brings records.

    Attributes:
        source: its name for the administrator who reviews, at most 40 characters.
        keeps_copies: a record that is there already is stored once more, and one that was decided on is asked anew.
    """

    source: str
    standing: Standing = Standing.OPEN
    keeps_copies: bool = False

    @property
    def recall(self) -> Recall:
        return "pending" if self.keeps_copies else "decided"
