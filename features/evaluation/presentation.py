"""What the evaluation service returns, as the envelope of its routes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from common.messages import evaluation as texts
from common.result import Envelope, success_response
from features.evaluation.service import Evaluation


def started(run: Evaluation) -> Envelope:
    """202: the run is kept."""
    return success_response(texts.STARTED, _data(run), code=202)


def shown(run: Evaluation) -> Envelope:
    """The run as it is now."""
    return success_response(texts.SHOWN, _data(run))


def _data(run: Evaluation) -> dict[str, Any]:
    stored, end = run.stored, run.end or {}
    return {
        "run_id": stored.record.id,
        "state": stored.state,
        "questions": run.questions,
        "asked": run.asked,
        "created_at": _local(stored.created_at),
        "started_at": _local(stored.started_at),
        "ended_at": _local(stored.ended_at),
        "figures": end.get("figures"),
        "outcomes": end.get("outcomes"),
        "error_type": end.get("error_type"),
    }


def _local(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds).isoformat()  # noqa: DTZ006 - as on all routes
