"""On the ReAct routes: whatever the model's provider does, a question ends in time and its thread goes on.

After every question with a fault the same thread is asked again without one: it must answer with its rows, and what
the model was sent then must be a whole history.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import httpx

from tools.harness.model_server import ScriptedModelServer

from .ask import Asked
from .ask_faults import MOST_CALLS, Tally, act_out
from .figures import Figure
from .react_scene import ROWS, ask_chat, ask_plainly, ask_streamed, is_whole, react_scene

STEPS: Final = 5
CALL_SECONDS: Final = 4
WORST_SECONDS: Final = STEPS * CALL_SECONDS + 1.0
USER: Final = "faulty"
Door = Callable[[httpx.Client, str, str, str], Asked]
DOORS: Final[Mapping[str, Door]] = {"post": ask_plainly, "stream": ask_streamed, "chat": ask_chat}


def measure(*, runs: int, doors: Sequence[str] = tuple(DOORS)) -> list[Figure]:
    """`runs` questions for each fault by each door, all questions of a door in one thread."""
    with (
        react_scene(LLM_ATTEMPT_TIMEOUT="1", LLM_TIMEOUT=str(CALL_SECONDS), LLM_BREAKER_FAILURES="0") as scene,
        scene.service.client() as client,
    ):
        return [figure for name in doors for figure in faults_by_door(scene.model, client, name, runs)]


def faults_by_door(model: ScriptedModelServer, client: httpx.Client, name: str, runs: int) -> list[Figure]:
    """The figures of one door of the service that `client` reaches and `model` answers."""
    broken: list[int] = []
    thread = f"{USER}:{name}"

    def go_on() -> None:
        broken.append(not _goes_on(model, client, thread))

    tally: Tally = act_out(model, lambda: DOORS[name](client, ROWS, USER, thread), runs, go_on)
    return [
        Figure(f"react_faults.{name}_questions", tally.asked, "questions"),
        Figure(f"react_faults.{name}_answered", tally.answered, "questions"),
        Figure(f"react_faults.{name}_worst", round(tally.worst_seconds, 2), "s", WORST_SECONDS, "lower"),
        Figure(f"react_faults.{name}_untyped", tally.untyped, "questions", 0, "lower"),
        Figure(f"react_faults.{name}_most_calls_of_a_step", tally.most_calls, "calls", MOST_CALLS, "lower"),
        Figure(f"react_faults.{name}_broken_threads", sum(broken), "threads", 0, "lower"),
    ]


def _goes_on(model: ScriptedModelServer, client: httpx.Client, thread: str) -> bool:
    found = ask_plainly(client, ROWS, USER, thread)
    if not found.is_answered or found.body["data"]["records"]["total_row_count"] != 1:
        return False
    return is_whole(list(model.calls[-1].messages))
