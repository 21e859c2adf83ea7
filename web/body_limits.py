"""How large a request's body may be: as the setting says, with room for the file where one is uploaded to a task."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from flask import Flask, request

from app_config import MEBIBYTE
from common.config_service import ConfigService

_UPLOADS: Final = re.compile(r"/api/v0/data_pipeline/tasks/[^/]+/(files|upload-table-list)")
_ROOM_FOR_A_FILE: Final = 10 * MEBIBYTE


def body_limit(settings: ConfigService) -> Callable[[str], int]:
    """Bytes of the largest body by path.

    A file of just the size allowed has to fit with its framing, and one above it is refused by its route
    (docs/contract/pipeline.md), which needs to see it.
    """
    usual: int = settings.get("MAX_REQUEST_BYTES")

    def limit(path: str) -> int:
        return usual + _ROOM_FOR_A_FILE if _UPLOADS.fullmatch(path) else usual

    return limit


def limit_bodies(app: Flask, settings: ConfigService) -> None:
    """Have the framework refuse larger bodies with 413, whatever server is in front of it."""
    limit = body_limit(settings)
    app.config["MAX_CONTENT_LENGTH"] = settings.get("MAX_REQUEST_BYTES")

    def bound() -> None:
        request.max_content_length = limit(request.path)

    app.before_request_funcs.setdefault(None, []).insert(0, bound)
