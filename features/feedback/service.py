"""Keeps the verdicts of users and turns them into training data; the feedback routes of every entry call it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from sqlalchemy.exc import SQLAlchemyError

from common import messages
from common.caller import current_caller
from common.errors import BadRequestError, NotFoundError, StatementFailedError
from common.messages import feedback as texts
from core.database import Database
from core.logging import get_app_logger
from core.vector_store.door import TrainingDoor
from core.vector_store.origin import Standing
from features.feedback.repository import FeedbackRepository
from features.feedback.schemas import FeedbackChange, FeedbackQuery, NewFeedback, TrainingRequest
from features.feedback.training import FeedbackTraining, Outcomes

logger = get_app_logger("feedback")


@dataclass(frozen=True)
class FeedbackPage:
    """Some verdicts, and how many fit the query in all."""

    rows: Sequence[Row[Any]]
    total: int


@dataclass(frozen=True)
class FeedbackCounts:
    """All verdicts, the right ones among them, and those that are training data."""

    total: int
    positive: int
    trained: int


class FeedbackService:
    """Every method takes the tenant and what it is about as a model, and returns a value.

    Raises:
        BadRequestError, NotFoundError: as the contract has them, with its texts.
        StatementFailedError: the platform database refused a statement; nothing has changed.
        StoreUnavailableError: the platform database is away.
    """

    def __init__(self, *, database: Database, door: TrainingDoor) -> None:
        self._database = database
        self._training = FeedbackTraining(database=database, door=door)

    def add(self, tenant: str, verdict: NewFeedback) -> int:
        """Keep a verdict and return its id."""
        with self._repository(tenant, texts.ADD_FAILED) as repository:
            return repository.create(verdict.model_dump())

    def query(self, tenant: str, query: FeedbackQuery) -> FeedbackPage:
        """A page of verdicts."""
        with self._repository(tenant, texts.QUERY_FAILED) as repository:
            _check_times(repository, query)
            rows, total = repository.page(
                query.filters,
                sort_by=query.sort_by,
                is_descending=query.sort_order == "desc",
                limit=query.page_size,
                offset=(query.page - 1) * query.page_size,
            )
        return FeedbackPage(rows, total)

    def update(self, tenant: str, feedback_id: int, change: FeedbackChange) -> None:
        """Change a verdict. Saying that it is training data, or is not, changes no training data."""
        with self._repository(tenant, texts.UPDATE_FAILED) as repository:
            if not repository.change(feedback_id, change.values):
                raise NotFoundError(texts.NOT_FOUND_OR_UNCHANGED.format(id=feedback_id))
        changed = ", ".join(sorted(change.values))
        logger.info("verdict %d changed by a caller at %s: %s", feedback_id, current_caller().address, changed)

    def delete(self, tenant: str, feedback_id: int) -> None:
        """Forget a verdict. Training data made from it stays."""
        with self._repository(tenant, texts.DELETE_FAILED) as repository:
            if not repository.remove(feedback_id):
                raise NotFoundError(texts.NOT_FOUND.format(id=feedback_id))

    def add_to_training(self, tenant: str, request: TrainingRequest, standing: Standing = Standing.OPEN) -> Outcomes:
        """Make training data of verdicts. A verdict that is unfit fails alone; a store that fails changes nothing.

        Raises:
            ModelUnavailableError: the embedder does not answer.
        """
        ids = {number for number in request.feedback_ids if number is not None}
        with _failing_as(texts.TRAINING_FAILED):
            outcomes = self._training.train(tenant, ids, standing)
        if not outcomes.found:
            raise NotFoundError(texts.NONE_FOUND)
        return outcomes

    def stats(self, tenant: str) -> FeedbackCounts:
        """How many verdicts of which kind."""
        with self._repository(tenant, texts.STATS_FAILED) as repository:
            counts = repository.totals()
        return FeedbackCounts(counts.total, counts.positive, counts.trained)

    @contextmanager
    def _repository(self, tenant: str, text: str) -> Iterator[FeedbackRepository]:
        """The tenant's verdicts within one transaction; `text` is what the caller reads when a statement is refused."""
        with _failing_as(text), self._database.session() as session:
            yield FeedbackRepository(session, tenant)


@contextmanager
def _failing_as(text: str) -> Iterator[None]:
    try:
        yield
    except SQLAlchemyError as error:
        raise StatementFailedError(text) from error


def _check_times(repository: FeedbackRepository, query: FeedbackQuery) -> None:
    for name in ("create_time_start", "create_time_end"):
        given = getattr(query, name)
        if given is not None and not repository.is_timestamp(given):
            raise BadRequestError(messages.INVALID_PARAMETER.format(name=name), invalid_params=[name])
