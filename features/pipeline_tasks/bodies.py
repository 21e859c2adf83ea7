"""Request bodies as the task routes read them (docs/contract/pipeline.md); knows no web framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from common.errors import BadRequestError
from features.wire.bodies import declared_json_object, is_json, optional_json_object


def log_query(raw: bytes, content_type: str | None) -> dict[str, Any]:
    """A JSON object or null, under a JSON Content-Type only; raises `BadRequestError` otherwise."""
    is_null = is_json(content_type) and raw.strip() == b"null"
    return {} if is_null else declared_json_object(raw, content_type)


def deletion_parameters(raw: bytes, content_type: str | None, query: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The parameters of a deletion: from the JSON body by name, else from the query string (docs/contract/pipeline.md).

    Args:
        query: every value of each query parameter.
    """
    try:
        body = optional_json_object(raw, content_type)
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
