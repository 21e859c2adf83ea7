"""How often a serving process looks for garbage. Called by the entries once they are built."""

from __future__ import annotations

import gc
from typing import Final

_THRESHOLDS: Final = (10_000, 20, 20)


def collect_less_often() -> None:
    """Look for cycles after 10,000 new objects instead of 700, and through everything 57 times more rarely.

    The libraries alone are some 220,000 objects, and a look through all of them holds every thread up for a tenth of
    a second. Freezing them (`gc.freeze`) was measured, too, and is no help: with nothing old to compare with, the
    collector then takes every part for worth a full look.
    """
    gc.set_threshold(*_THRESHOLDS)
