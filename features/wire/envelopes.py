"""The envelope on the wire (docs/contract/envelope.md), as data."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from pydantic import BaseModel

Data = TypeVar("Data")


class Envelope(BaseModel, Generic[Data]):
    """A successful answer on the wire."""

    code: int
    success: bool
    message: str
    data: Data

    @classmethod
    def model_parametrized_name(cls, params: tuple[Any, ...]) -> str:
        """The name in the OpenAPI documents: `Envelope[AskData]` is `AskEnvelope`, an open object `ObjectEnvelope`."""
        if not (isinstance(params[0], type) and issubclass(params[0], BaseModel)):
            return "ObjectEnvelope"
        name = "".join(filter(str.isalnum, params[0].__name__))
        return f"{name.removesuffix('Data')}Envelope"


ObjectEnvelope = Envelope[dict[str, Any]]
"""An answer whose `data` the contract describes with each route."""


class ErrorEnvelope(BaseModel):
    """Any failure on the wire; `data.response` is the text to show, `data.error_type` is stable."""

    code: int
    success: bool
    message: str
    data: dict[str, Any] | None = None
