"""What the feedback service returns, as the envelopes of docs/contract/feedback.md, for the doors of both entries."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from common.messages import feedback as texts
from common.result import Envelope, success_response
from features.feedback.schemas import FeedbackChange, FeedbackQuery, TrainingRequest
from features.feedback.service import FeedbackCounts, FeedbackPage
from features.feedback.training import Outcomes
from features.wire.pages import pagination


def added(feedback_id: int) -> Envelope:
    """The id of a new verdict."""
    return success_response(texts.ADDED, {"feedback_id": feedback_id})


def listed(query: FeedbackQuery, page: FeedbackPage) -> Envelope:
    """A page of verdicts and its place among all."""
    data = {
        "records": [_record(row) for row in page.rows],
        "pagination": pagination(query.page, query.page_size, page.total),
    }
    return success_response(texts.FOUND.format(total=page.total), data)


def updated(feedback_id: int, change: FeedbackChange) -> Envelope:
    """Which columns of which verdict have been set."""
    return success_response(texts.UPDATED, {"updated_id": feedback_id, "updated_fields": list(change.values)})


def deleted(feedback_id: int) -> Envelope:
    """The id of the verdict that is gone."""
    return success_response(texts.DELETED, {"deleted_id": feedback_id})


def trained(request: TrainingRequest, outcomes: Outcomes) -> Envelope:
    """What became of each verdict of a training request, and counts."""
    positive, negative = outcomes.count("sql"), outcomes.count("error_sql")
    data = {
        "summary": {
            "total_requested": len(request.feedback_ids),
            "total_processed": outcomes.found,
            "positive_trained": positive,
            "negative_trained": negative,
            "already_trained": len(outcomes.already),
            "errors": len(outcomes.errors),
        },
        "successfully_trained_ids": sorted(outcomes.records),
        "training_details": {"sql_training_count": positive, "error_sql_training_count": negative},
        "results": _results(outcomes),
    }
    return success_response(texts.TRAINED.format(count=len(outcomes.records)), data)


def counted(counts: FeedbackCounts) -> Envelope:
    """Counts of verdicts and their shares in per cent, two digits."""
    data = {
        "total_feedback": counts.total,
        "positive_feedback": counts.positive,
        "negative_feedback": counts.total - counts.positive,
        "trained_feedback": counts.trained,
        "untrained_feedback": counts.total - counts.trained,
        "positive_rate": round(counts.positive / max(counts.total, 1) * 100, 2),
        "training_rate": round(counts.trained / max(counts.total, 1) * 100, 2),
    }
    return success_response(texts.COUNTED, data)


def _record(row: Row[Any]) -> dict[str, Any]:
    record = dict(row._asdict())
    for name in ("create_time", "update_time"):
        record[name] = record[name] and record[name].isoformat()
    return record


def _results(outcomes: Outcomes) -> list[dict[str, Any]]:
    trained = [
        {"feedback_id": number, "outcome": kind, "training_id": record}
        | ({"waits_for_review": list(outcomes.waiting[number])} if number in outcomes.waiting else {})
        for number, (kind, record) in outcomes.records.items()
    ]
    already = [{"feedback_id": number, "outcome": "already_trained"} for number in outcomes.already]
    failed = [{"feedback_id": number, "outcome": "error", "error": text} for number, text in outcomes.errors.items()]
    return sorted([*trained, *already, *failed], key=lambda result: int(str(result["feedback_id"])))
