"""Keeps the verdicts of users and turns them into training data; the feedback routes of every entry call it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from common import messages
from common.errors import BadRequestError, NotFoundError
from common.messages import feedback as texts
from common.result import Envelope, internal_error_response, success_response
from core.database import Database
from core.logging import get_app_logger
from core.vector_store.door import TrainingDoor
from core.vector_store.origin import Standing
from features.feedback.repository import FeedbackRepository
from features.feedback.schemas import FeedbackQuery, parse_change, parse_new, parse_query, parse_training
from features.feedback.training import FeedbackTraining, Outcomes
from features.wire.pages import pagination

logger = get_app_logger("feedback")
Body = Mapping[str, Any]
Data = tuple[str, dict[str, Any]]


class FeedbackService:
    """Every method takes the tenant and the request's JSON object and returns the contract's envelope.

    Raises:
        BadRequestError, NotFoundError: as the contract has them, with its texts.
        StoreUnavailableError: the platform database is away.
    """

    def __init__(self, *, database: Database, door: TrainingDoor) -> None:
        self._database = database
        self._training = FeedbackTraining(database=database, door=door)

    def add(self, tenant: str, body: Body) -> Envelope:
        """Keep a verdict."""
        wanted = parse_new(body)

        def work(repository: FeedbackRepository) -> Data:
            return texts.ADDED, {"feedback_id": repository.create(wanted.model_dump())}

        return self._within(tenant, texts.ADD_FAILED, work)

    def query(self, tenant: str, body: Body) -> Envelope:
        """A page of verdicts."""
        wanted = parse_query(body)

        def work(repository: FeedbackRepository) -> Data:
            _check_times(repository, wanted)
            rows, total = repository.page(
                wanted.filters,
                sort_by=wanted.sort_by,
                is_descending=wanted.sort_order == "desc",
                limit=wanted.page_size,
                offset=(wanted.page - 1) * wanted.page_size,
            )
            data = {
                "records": [_on_the_wire(row) for row in rows],
                "pagination": pagination(wanted.page, wanted.page_size, total),
            }
            return texts.FOUND.format(total=total), data

        return self._within(tenant, texts.QUERY_FAILED, work)

    def update(self, tenant: str, feedback_id: int, body: Body) -> Envelope:
        """Change a verdict. Saying that it is training data, or is not, changes no training data."""
        values = parse_change(body)

        def work(repository: FeedbackRepository) -> Data:
            if not repository.change(feedback_id, values):
                raise NotFoundError(texts.NOT_FOUND_OR_UNCHANGED.format(id=feedback_id))
            return texts.UPDATED, {"updated_id": feedback_id, "updated_fields": list(values)}

        return self._within(tenant, texts.UPDATE_FAILED, work)

    def delete(self, tenant: str, feedback_id: int) -> Envelope:
        """Forget a verdict. Training data made from it stays."""

        def work(repository: FeedbackRepository) -> Data:
            if not repository.remove(feedback_id):
                raise NotFoundError(texts.NOT_FOUND.format(id=feedback_id))
            return texts.DELETED, {"deleted_id": feedback_id}

        return self._within(tenant, texts.DELETE_FAILED, work)

    def add_to_training(self, tenant: str, body: Body, standing: Standing = Standing.OPEN) -> Envelope:
        """Make training data of verdicts. A verdict that is unfit fails alone; a store that fails changes nothing."""
        requested = parse_training(body)
        try:
            outcomes = self._training.train(tenant, {number for number in requested if number is not None}, standing)
        except SQLAlchemyError as error:
            return _failure(texts.TRAINING_FAILED, error)
        if not outcomes.found:
            raise NotFoundError(texts.NONE_FOUND)
        text = texts.TRAINED.format(count=len(outcomes.records))
        return success_response(text, _training_data(len(requested), outcomes))

    def stats(self, tenant: str) -> Envelope:
        """How many verdicts of which kind."""

        def work(repository: FeedbackRepository) -> Data:
            counts = repository.totals()
            total, positive, trained = counts.total, counts.positive, counts.trained
            return texts.COUNTED, {
                "total_feedback": total,
                "positive_feedback": positive,
                "negative_feedback": total - positive,
                "trained_feedback": trained,
                "untrained_feedback": total - trained,
                "positive_rate": round(positive / max(total, 1) * 100, 2),
                "training_rate": round(trained / max(total, 1) * 100, 2),
            }

        return self._within(tenant, texts.STATS_FAILED, work)

    def _within(self, tenant: str, failed: str, work: Callable[[FeedbackRepository], Data]) -> Envelope:
        """`work` in one transaction, and its text and data in an envelope; the route's own 500 when it is refused."""
        try:
            with self._database.session() as session:
                text, data = work(FeedbackRepository(session, tenant))
        except SQLAlchemyError as error:
            return _failure(failed, error)
        return success_response(text, data)


def _failure(text: str, error: SQLAlchemyError) -> Envelope:
    logger.error("the database refused a statement: %s", type(error).__name__, exc_info=error)
    return internal_error_response(text)


def _check_times(repository: FeedbackRepository, wanted: FeedbackQuery) -> None:
    for name in ("create_time_start", "create_time_end"):
        given = getattr(wanted, name)
        if given is not None and not repository.is_timestamp(given):
            raise BadRequestError(messages.INVALID_PARAMETER.format(name=name), invalid_params=[name])


def _on_the_wire(row: Row[Any]) -> dict[str, Any]:
    record = dict(row._asdict())
    for name in ("create_time", "update_time"):
        record[name] = record[name] and record[name].isoformat()
    return record


def _training_data(requested: int, outcomes: Outcomes) -> dict[str, Any]:
    positive, negative = outcomes.count("sql"), outcomes.count("error_sql")
    return {
        "summary": {
            "total_requested": requested,
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


def _results(outcomes: Outcomes) -> list[dict[str, Any]]:
    trained = [
        {"feedback_id": number, "outcome": kind, "training_id": record}
        | ({"waits_for_review": list(outcomes.waiting[number])} if number in outcomes.waiting else {})
        for number, (kind, record) in outcomes.records.items()
    ]
    already = [{"feedback_id": number, "outcome": "already_trained"} for number in outcomes.already]
    failed = [{"feedback_id": number, "outcome": "error", "error": text} for number, text in outcomes.errors.items()]
    return sorted([*trained, *already, *failed], key=lambda result: int(str(result["feedback_id"])))
