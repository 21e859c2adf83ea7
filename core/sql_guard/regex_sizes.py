"""About how many states the automaton of a regular expression has; the server builds it before it matches anything.

PostgreSQL (src/backend/regex) copies what a bound `{m,n}` repeats, so nested bounds multiply: `((a?){50}){50}` took a
server process 160 MB before it was refused as too complex.
"""

from __future__ import annotations

import re
from typing import Final

_BOUND: Final = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_LARGEST: Final = 10**9


def regex_states(pattern: str) -> int:
    """An estimate: an atom is one, alternatives and sequences add up, a bound multiplies; at most 10^9."""
    sums, last = [0], 0
    position = 0
    while position < len(pattern):
        character = pattern[position]
        bound = _BOUND.match(pattern, position) if character == "{" else None
        if bound is not None:
            times = max(int(bound.group(1)[:9]), int((bound.group(2) or "0")[:9]), 1)
            sums[-1] += last * (times - 1)
            last = min(_LARGEST, last * times)
            sums[-1] = min(_LARGEST, sums[-1])
            position = bound.end()
            continue
        if character == "(":
            sums.append(0)
        elif character == ")" and len(sums) > 1:
            last = sums.pop()
            sums[-1] += last
        elif character not in "*+?|":
            position = _end_of_atom(pattern, position)
            last = 1
            sums[-1] += 1
        position += 1
    return min(_LARGEST, sum(sums))


def _end_of_atom(pattern: str, position: int) -> int:
    """The last character of the escape or bracket expression that starts here."""
    if pattern[position] == "\\":
        return position + 1
    if pattern[position] == "[":
        end = pattern.find("]", position + 2)
        return end if end > 0 else len(pattern)
    return position
