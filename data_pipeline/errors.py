"""Why a pipeline step ends without its result, as types. Their texts are for the person who started the task."""

from __future__ import annotations

from common.errors import CituError


class PipelineError(CituError):
    """A step cannot be done; the message says why in one readable sentence (500)."""

    error_type = "pipeline_step_failed"


class PipelineCancelledError(PipelineError):
    """Somebody asked for the run to stop; what is finished stays, and a resumed run goes on there."""

    error_type = "pipeline_cancelled"
