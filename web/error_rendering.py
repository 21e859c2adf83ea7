"""The one renderer that turns any exception of a request into the wire envelope (docs/contract/envelope.md)."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException

from common import messages
from common.errors import (
    BadRequestError,
    CituError,
    MethodNotAllowedError,
    NotFoundError,
    PayloadTooLargeError,
    ServiceUnavailableError,
)
from common.result import internal_error_response
from core.logging import get_app_logger
from features.wire.http import envelope_response
from web.error_envelopes import envelope_of

logger = get_app_logger("errors")


def render(error: BaseException) -> Response:
    """The envelope for `error`. An error of an unknown type is logged with its traceback and answered with 500."""
    known = _as_citu_error(error)
    if known is None:
        logger.exception("request failed", exc_info=error)
        return envelope_response(internal_error_response(messages.REQUEST_FAILED))
    if known.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("answered %s %s", known.status, known.error_type, exc_info=error.__cause__)
    response = envelope_response(envelope_of(known))
    if isinstance(known, MethodNotAllowedError):
        response.headers["Allow"] = ", ".join(known.data.pop("allowed", ()))
    if isinstance(known, ServiceUnavailableError):
        response.headers["Retry-After"] = str(known.retry_after_seconds or 1)
    return response


def _as_citu_error(error: BaseException) -> CituError | None:
    if isinstance(error, CituError):
        return error
    return _from_http(error) if isinstance(error, HTTPException) else None


def _from_http(error: HTTPException) -> CituError | None:
    """Werkzeug's own refusals (unknown path, wrong method, body too large, bad form) as ours."""
    status = error.code or 500
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(messages.PATH_NOT_FOUND.format(path=request.path))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        text = messages.METHOD_NOT_SUPPORTED.format(path=request.path, method=request.method)
        allowed: Any = getattr(error, "valid_methods", None) or ()
        return MethodNotAllowedError(text, data={"allowed": sorted(allowed)})
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return PayloadTooLargeError(messages.PAYLOAD_TOO_LARGE)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return BadRequestError(messages.MALFORMED_REQUEST, data={"http_status": status})
    return None
