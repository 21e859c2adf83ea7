"""Tells the garbage collector that what a process has loaded stays. Called by the entries once they are built."""

from __future__ import annotations

import gc


def keep_loaded_code() -> None:
    """Leave everything there is now out of all later collections.

    The libraries are some 220,000 objects, and looking through them holds every thread up for a tenth of a second,
    the more often the more questions are in flight. What is garbage now stays, too: it is little after a start.
    """
    gc.freeze()
