"""The services about training data that an entry has one of each; the container builds the bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from common.result import Envelope
from core.vector_store.origin import Standing
from features.training_data.combine_service import CombineService
from features.training_data.drift_service import DriftService
from features.training_data.pair_service import PairService
from features.training_data.review_service import ReviewService
from features.training_data.service import TrainingDataService
from features.training_data.upload_service import UploadService
from features.training_data.writing import TrainingWriter


@dataclass(frozen=True)
class TrainingServices:
    """See each service.

    Attributes:
        writer: keeps records of any origin; other features add training data through it.
        standing_of: given a web request, what its caller's records may; raises `ForbiddenError` when they may nothing.
        require_admin: given a web request, raises `ForbiddenError` when its caller is no administrator.
        errors_are_http_200: whether upload and combine answer errors with HTTP 200, as the old service did.
    """

    data: TrainingDataService
    pairs: PairService
    uploads: UploadService
    combining: CombineService
    review: ReviewService
    drift: DriftService
    writer: TrainingWriter
    standing_of: Callable[[Any], Standing]
    require_admin: Callable[[Any], None]
    errors_are_http_200: bool = False

    def historical_status(self, envelope: Envelope) -> int:
        """The HTTP status of an answer of upload or combine."""
        return 200 if self.errors_are_http_200 else int(envelope["code"])
