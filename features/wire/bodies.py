"""Reads what a request carries into a feature's schema; knows no web framework, so every entry may use it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from common import messages
from common.errors import BadRequestError

Model = TypeVar("Model", bound=BaseModel)


def json_value(raw: bytes) -> Any:
    """The JSON value of a body, whatever its Content-Type says.

    Raises:
        BadRequestError: the body is not JSON.
    """
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequestError(messages.MALFORMED_JSON) from error


def json_object(raw: bytes) -> dict[str, Any]:
    """The JSON object of a body, whatever its Content-Type says.

    Raises:
        BadRequestError: the body is not JSON or not an object.
    """
    body = json_value(raw)
    if not isinstance(body, dict):
        raise BadRequestError(messages.JSON_OBJECT_NEEDED)
    return body


def optional_json_object(raw: bytes, content_type: str | None) -> dict[str, Any]:
    """As `json_object` under a JSON Content-Type; under any other the body is not read and nothing is given."""
    return json_object(raw) if is_json(content_type) else {}


def declared_json_object(raw: bytes, content_type: str | None) -> dict[str, Any]:
    """As `json_object`, under a JSON Content-Type only.

    Raises:
        BadRequestError: the Content-Type is another one, or the body is no JSON object.
    """
    if not is_json(content_type):
        raise BadRequestError(messages.MALFORMED_JSON)
    return json_object(raw)


def is_json(content_type: str | None) -> bool:
    """Whether a Content-Type names JSON."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def parse_body(model: type[Model], body: Mapping[str, Any]) -> Model:
    """Validate `body` against `model`; unknown members are ignored.

    Raises:
        BadRequestError: with every missing or every wrong parameter named; missing ones are reported first.
    """
    try:
        return model.model_validate(body)
    except ValidationError as error:
        raise _bad_request(error) from error


def _bad_request(error: ValidationError) -> BadRequestError:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    missing = [str(problem["loc"][0]) for problem in problems if problem["type"] == "missing"]
    if missing:
        text = messages.MISSING_PARAMETER.format(name=", ".join(missing))
        return BadRequestError(text, missing_params=missing)
    first = problems[0]
    name = str(first["loc"][0]) if first["loc"] else ""
    text = first["msg"] if first["type"] == "wire_text" else messages.INVALID_PARAMETER.format(name=name)
    return BadRequestError(text, invalid_params=[name])
