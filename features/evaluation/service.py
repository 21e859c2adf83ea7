"""Runs golden questions in the background, on the threads that runs have, and shows their figures.

A run is kept like every other (`core/runs`): it survives its caller, can be read at any worker, and expires.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis.exceptions import RedisError

from common import messages
from common.caller import current_caller, working_for
from common.errors import NotFoundError, StoreUnavailableError, TooManyRunsError
from common.messages import evaluation as texts
from core.logging import set_log_context
from core.runs.keeper import RunKeeper
from core.runs.live_run import LiveRun
from core.runs.record import NewRun, RunEvent, RunRecord, StoredRun, is_run_id, new_run_id
from core.runs.runner import RunEnd, RunPool, Work
from core.runs.store import RunStore, run_key
from features.evaluation.asking import USER, GoldenQuestions, Outcome
from features.evaluation.figures import line_of
from features.evaluation.schemas import EvaluationRequest

ENGINE: Final = "evaluation"
MOST_AT_ONCE: Final = 1


@dataclass(frozen=True)
class Evaluation:
    """A run as it is now; `end` is the `data` of its last event, None before."""

    stored: StoredRun
    questions: int
    asked: int
    end: dict[str, Any] | None


class EvaluationService:
    """See the module.

    Args:
        default_routing_mode: when the request names none.
    """

    def __init__(
        self,
        *,
        questions: GoldenQuestions,
        store: RunStore,
        pool: RunPool,
        keeper: RunKeeper,
        default_routing_mode: str,
    ) -> None:
        self._questions = questions
        self._store = store
        self._pool = pool
        self._keeper = keeper
        self._default_routing_mode = default_routing_mode

    def start(self, tenant: str, wanted: EvaluationRequest) -> Evaluation:
        """Keep the questions as a run and begin with it as soon as a thread is free.

        Raises:
            TooManyRunsError: the tenant's earlier evaluation has not ended.
            OverloadedError: no room; it says when to try again.
            StoreUnavailableError: Redis cannot be reached.
        """
        self._keeper.start()
        run_id = new_run_id()
        record = RunRecord(run_id, tenant, USER, f"{USER}:{run_id}", ENGINE, str(len(wanted.pairs)))
        with _needing_store():
            new = NewRun(record, user_cap=MOST_AT_ONCE)
            created, _live = self._pool.start(new, self._work(tenant, wanted), needs_store=True)
            if created.outcome == "capped":
                raise TooManyRunsError(texts.ALREADY_RUNNING, retry_after_seconds=30)
        return self.state(tenant, run_id)

    def state(self, tenant: str, run_id: str) -> Evaluation:
        """The run as it is now.

        Raises:
            NotFoundError: there is no such run, or it has expired.
            StoreUnavailableError: Redis cannot be reached.
        """
        with _needing_store():
            found = self._store.read(tenant, run_id) if is_run_id(run_id) else None
            if found is None or found.record.engine != ENGINE:
                raise NotFoundError(texts.RUN_NOT_FOUND)
            last = self._store.last_event(tenant, run_id)
            if not found.has_ended:
                self._store.note_watched([run_key(tenant, run_id)])
        questions = int(found.record.question)
        if last is not None and last.is_last:
            end = json.loads(last.body)["data"]
            return Evaluation(found, questions, len(end.get("outcomes") or ()), end)
        return Evaluation(found, questions, _asked(last), None)

    def _work(self, tenant: str, wanted: EvaluationRequest) -> Work:
        caller, mode = current_caller(), wanted.routing_mode or self._default_routing_mode

        def run(live: LiveRun) -> RunEnd:
            set_log_context(request_id=live.record.id, tenant=tenant)
            outcomes: list[Outcome] = []
            with working_for(caller):
                for pair in wanted.pairs:
                    outcomes.append(self._questions.outcome(tenant, pair, mode, live.stop))
                    live.publish("progress", json.dumps({"data": {"type": "progress", "asked": len(outcomes)}}))
                    live.note_watched()
            return RunEnd("completed", _body(outcomes))

        return run


def _body(outcomes: Sequence[Outcome]) -> str:
    figures = line_of(outcomes)
    data = {"type": "completed", "figures": figures, "outcomes": [outcome.as_json() for outcome in outcomes]}
    return json.dumps({"code": 200, "success": True, "message": messages.SUCCESS, "data": data}, ensure_ascii=False)


def _asked(last: RunEvent | None) -> int:
    return int(json.loads(last.body)["data"].get("asked", 0)) if last is not None else 0


@contextmanager
def _needing_store() -> Iterator[None]:
    try:
        yield
    except RedisError as error:
        raise StoreUnavailableError(messages.REDIS_UNAVAILABLE) from error
