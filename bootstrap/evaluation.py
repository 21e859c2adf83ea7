"""Builds what asks golden questions in the background."""

from __future__ import annotations

from collections.abc import Callable

from bootstrap.runs import Runs
from common.answering import AnswerEngine, ResultSet
from common.cancellation import CancelSignal
from common.config_service import ConfigService
from core.sql_executor import SqlExecutor
from features.evaluation.asking import GoldenQuestions
from features.evaluation.service import EvaluationService


def build_evaluation(
    settings: ConfigService, *, engine: Callable[[], AnswerEngine], executor: Callable[[], SqlExecutor], runs: Runs
) -> EvaluationService:
    """The service on the threads and the store of the runs; references go through the same executor as answers."""

    def run_sql(sql: str, stop: CancelSignal) -> ResultSet:
        return executor().execute(sql, cancel=stop)

    questions = GoldenQuestions(engine=engine, run_sql=run_sql, timeout_seconds=settings.get("REQUEST_TIMEOUT"))
    return EvaluationService(
        questions=questions,
        store=runs.store,
        pool=runs.pool,
        keeper=runs.keeper,
        default_routing_mode=settings.get("QUESTION_ROUTING_MODE"),
    )
