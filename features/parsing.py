"""Reads what a request carries into a feature's schema; knows no web framework, so every entry may use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from common import messages
from common.errors import BadRequestError

Model = TypeVar("Model", bound=BaseModel)


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


def lenient_int(text: str | None, default: int | None = None) -> int | None:
    """A query parameter as clients of the historical service send it: what is no integer counts as not given."""
    try:
        return int(text) if text is not None else default
    except ValueError:
        return default
