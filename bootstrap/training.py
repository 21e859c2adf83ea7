"""Builds the training data services: one writer that every way to add records shares, and the services around it."""

from __future__ import annotations

from collections.abc import Callable

from flask import Request

from common.answering import Brain
from common.config_service import ConfigService
from core.database import Database
from core.sql_executor import SqlExecutor
from core.vector_store.door import TrainingDoor
from features.training_data.bundle import TrainingServices
from features.training_data.combine_service import CombineService
from features.training_data.drift_service import DriftService
from features.training_data.pair_service import PairService
from features.training_data.questions import QuestionSource
from features.training_data.review_service import ReviewService
from features.training_data.service import TrainingDataService
from features.training_data.upload_service import UploadService
from features.training_data.writing import TrainingWriter
from web.training_trust import TrainingTrust


def build_training(
    settings: ConfigService,
    *,
    database: Database,
    door: TrainingDoor,
    trust: TrainingTrust,
    brain: Callable[[], Brain],
    executor: Callable[[], SqlExecutor],
    require_admin: Callable[[Request], None],
    charge: Callable[[int], None],
) -> TrainingServices:
    """Args: brain, executor: asked for at first use; charge: told how many questions the model is about to be asked."""
    questions = QuestionSource(brain=brain, timeout_seconds=settings.get("REQUEST_TIMEOUT"), charge=charge)
    writer = TrainingWriter(database=database, door=door, questions=questions)
    return TrainingServices(
        data=TrainingDataService(database=database, writer=writer),
        pairs=PairService(writer=writer),
        uploads=UploadService(writer=writer),
        combining=CombineService(database=database),
        review=ReviewService(database=database, writer=writer),
        drift=DriftService(database=database, explain=lambda sql: executor().explain(sql)),
        writer=writer,
        standing_of=trust.standing_of,
        require_admin=require_admin,
        errors_are_http_200=settings.get("LEGACY_HTTP_200_ERRORS"),
    )
