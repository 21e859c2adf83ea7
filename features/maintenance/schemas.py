"""The request and the answer of the read-only switch (docs/contract/README.md, rule 13), as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from common import messages
from common.errors import BadRequestError
from common.messages import maintenance as texts
from features.wire.bodies import parse_body
from features.wire.envelopes import Envelope
from features.wire.values import text_or_empty

LONGEST_REASON: Final = 500


def _as_switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("not a boolean")  # noqa: TRY004 - pydantic reports a ValueError
    return value


def _as_reason(value: Any) -> str:
    reason = " ".join(text_or_empty(value).split())
    if len(reason) > LONGEST_REASON:
        raise PydanticCustomError("wire_text", texts.REASON_TOO_LONG.format(limit=LONGEST_REASON))
    return reason


class ReadOnlySwitch(BaseModel):
    """The wanted mode; an empty body, or a reason alone, switches on."""

    model_config = ConfigDict(extra="ignore")

    enabled: Annotated[bool, BeforeValidator(_as_switch)] = Field(True, description="Whether writes are refused")
    reason: Annotated[str, BeforeValidator(_as_reason)] = Field(
        "", description="Why; refused callers read it. At most 500 characters"
    )


def parse_switch(body: Mapping[str, Any]) -> ReadOnlySwitch:
    """The wanted mode of a request body; only an empty one may leave `enabled` out, lest a misspelt name switches.

    Raises:
        BadRequestError: a parameter is wrong or `enabled` is missing.
    """
    if body.keys() - {"reason"} and "enabled" not in body:
        raise BadRequestError(messages.MISSING_PARAMETER.format(name="enabled"), missing_params=["enabled"])
    return parse_body(ReadOnlySwitch, body)


class ModeData(BaseModel):
    """The mode; `changed_at` is a local time, null when nobody ever switched."""

    enabled: bool
    reason: str
    changed_at: str | None
    response: str
    timestamp: str


ModeEnvelope = Envelope[ModeData]
