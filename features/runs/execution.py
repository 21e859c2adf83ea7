"""What a run does on its thread, and what each way to end means for its state and its last event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from common.answering import EngineEvent, TextWritten
from common.caller import current_caller, working_for
from common.errors import AnswerFailedError, AnswerStoppedError, AnswerTimedOutError, CituError
from common.messages import REQUEST_FAILED
from common.messages import runs as texts
from common.result import Envelope, error_response, internal_error_response
from core.logging import get_app_logger, set_log_context
from core.runs.live_run import LiveRun
from core.runs.record import RunState, StopReason
from core.runs.runner import RunEnd
from features.runs.engines import Opened, RunEngine
from features.wire.sse import as_line

logger = get_app_logger("runs")

EnvelopeOf = Callable[[CituError], Envelope]
CLIENT_CLOSED_REQUEST: Final = 499
_STOPPED: Final[Mapping[StopReason, tuple[RunState, int, str, str]]] = {
    "requested": ("cancelled", CLIENT_CLOSED_REQUEST, "run_cancelled", texts.CANCELLED),
    "watcher_left": ("cancelled", CLIENT_CLOSED_REQUEST, "run_cancelled", texts.CANCELLED),
    "interrupted": ("cancelled", CLIENT_CLOSED_REQUEST, "run_interrupted", texts.INTERRUPTED),
    "unwatched": ("cancelled", CLIENT_CLOSED_REQUEST, "run_unwatched", texts.UNWATCHED),
    "shutting_down": ("failed", 503, "service_stopping", texts.SHUTTING_DOWN),
    "lost": ("failed", 503, "worker_lost", texts.WORKER_LOST),
}


class RunExecution:
    """Args: envelope_of: the wire envelope of an error."""

    def __init__(self, *, envelope_of: EnvelopeOf) -> None:
        self._envelope_of = envelope_of

    def work(self, engine: RunEngine, opened: Opened, *, wants_tokens: bool) -> Callable[[LiveRun], RunEnd]:
        """Answers the open question and publishes its steps, for the caller of now; errors become ends by `crashed`."""

        caller = current_caller()

        def run(live: LiveRun) -> RunEnd:
            set_log_context(request_id=live.record.id, tenant=live.record.tenant)
            told = ProgressPublisher(live, engine)
            with working_for(caller):
                return _end("completed", engine.answer(opened, told, live.stop, wants_tokens))

        return run

    def crashed(self, live: LiveRun, error: Exception) -> RunEnd:
        """The end of a run whose work raised. A question that ends without valid SQL was answered: completed, 422."""
        if isinstance(error, AnswerStoppedError):
            return self.stopped(live.stop_reason or "requested", error.data)
        if isinstance(error, AnswerTimedOutError):
            return _end("timed_out", self._envelope_of(error))
        if isinstance(error, AnswerFailedError) and error.status < 500:
            return _end("completed", self._envelope_of(error))
        if isinstance(error, CituError):
            return _end("failed", self._envelope_of(error))
        logger.error("a run crashed", exc_info=error)
        return _end("failed", internal_error_response(REQUEST_FAILED))

    def stopped(self, reason: StopReason, data: Mapping[str, Any] | None = None) -> RunEnd:
        """The end of a run that was stopped."""
        state, code, error_type, text = _STOPPED[reason]
        can_retry = True if state == "failed" else None
        return _end(state, error_response(text, error_type, code=code, data=data, can_retry=can_retry))

    def lost(self) -> RunEnd:
        """The end of a run whose worker died."""
        return self.stopped("lost")


class ProgressPublisher:
    """Publishes an engine's progress as events of the run, and stops publishing once a step has failed."""

    def __init__(self, live: LiveRun, engine: RunEngine) -> None:
        self._live = live
        self._engine = engine
        self._has_failed = False

    def __call__(self, event: EngineEvent) -> None:
        if isinstance(event, TextWritten):
            self._live.write_text(event.text)
            return
        self._has_failed = self._has_failed or "error" in event.findings
        shown = None if self._has_failed else self._engine.progress(event, self._live.record.conversation_id)
        if shown is not None:
            self._live.publish("progress", as_line(shown))


def _end(state: RunState, envelope: Envelope) -> RunEnd:
    """The last event: the envelope with the state as `data.type` and the answer's own type beside it."""
    data = envelope.get("data") or {}
    shown = {**data, "type": state}
    if "type" in data:
        shown["response_type"] = data["type"]
    return RunEnd(state, as_line({**envelope, "data": shown}))
