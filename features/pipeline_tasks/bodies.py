"""Request bodies as the task routes read them (docs/contract/pipeline.md); knows no web framework."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from common import messages
from common.errors import BadRequestError


def forced(raw: bytes) -> dict[str, Any]:
    """A JSON object, whatever the Content-Type says.

    Raises:
        BadRequestError: it is none.
    """
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(messages.MALFORMED_JSON) from error
    if not isinstance(body, dict):
        raise BadRequestError(messages.JSON_OBJECT_NEEDED)
    return body


def if_json(raw: bytes, content_type: str | None) -> dict[str, Any]:
    """As `forced` with a JSON Content-Type, else nothing is given."""
    return forced(raw) if is_json(content_type) else {}


def strict(raw: bytes, content_type: str | None) -> dict[str, Any]:
    """A JSON object or null, under a JSON Content-Type only; raises `BadRequestError` otherwise."""
    if not is_json(content_type):
        raise BadRequestError(messages.MALFORMED_JSON)
    return {} if raw.strip() == b"null" else forced(raw)


def lenient(raw: bytes, content_type: str | None, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The parameters of a deletion: from the JSON body by name, else from the query string (docs/contract/pipeline.md).

    Args:
        query: every value of each query parameter.
    """
    try:
        body = if_json(raw, content_type)
    except BadRequestError:
        body = {}
    for name, values in query.items():
        if name.endswith("[]"):
            body.setdefault(name.removesuffix("[]"), list(values))
        elif values:
            body.setdefault(name, _QUERY_TRUTHS.get(values[0].lower(), values[0]))
    return body


_QUERY_TRUTHS: Mapping[str, bool] = {
    "true": True, "1": True, "yes": True, "false": False, "0": False, "no": False,
}  # fmt: skip


def is_json(content_type: str | None) -> bool:
    """Whether a Content-Type names JSON."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
