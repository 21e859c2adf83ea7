"""Requests and answers of the conversation routes (docs/contract/conversations.md), as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from common.errors import BadRequestError
from common.messages import conversations as texts
from features.wire.bodies import parse_body
from features.wire.envelopes import ObjectEnvelope
from features.wire.values import LenientBoolean, Text

MOST_LISTED: Final = 10_000
"""Conversations of one answer; a larger limit is taken as this one."""
MOST_KEPT: Final = 1_000_000_000

CleanupMode = Literal["delete_user", "delete_conversation", "clear_all_agent_data", "cleanup_invalid_refs"]


def bounded(limit: int | None) -> int | None:
    """A limit as it is applied: None when not given or not above 0, never more than `MOST_LISTED`."""
    return min(limit, MOST_LISTED) if limit is not None and limit > 0 else None


class CleanupRequest(BaseModel):
    """What is to be removed: exactly one of these; falsy ones were never given."""

    model_config = ConfigDict(extra="ignore")

    user_id: Text = Field(None, description="Everything of this user")
    conversation_id: Text = Field(None, description="This conversation")
    thread_id: Text = Field(None, description="The same as conversation_id")
    clear_all_agent_data: LenientBoolean = Field(False, description="Every conversation")
    cleanup_invalid_refs: LenientBoolean = Field(False, description="Entries of user lists that name no conversation")


@dataclass(frozen=True)
class Cleanup:
    """One mode and, for the first two, whom or what it is about."""

    mode: CleanupMode
    name: str = ""


def parse_cleanup(body: Mapping[str, Any]) -> Cleanup:
    """The one mode that a request names.

    Raises:
        BadRequestError: none or several of them; `data` says what there is to choose from.
    """
    wanted = parse_body(CleanupRequest, body)
    given = {name: value for name, value in wanted.model_dump().items() if value}
    if "conversation_id" in given and "thread_id" in given:
        raise BadRequestError(texts.TWO_NAMES_OF_ONE)
    if len(given) > 1:
        text = texts.SEVERAL_MODES.format(names=", ".join(given))
        data = {"conflicting_params": list(given), "valid_modes": list(texts.VALID_MODES)}
        raise BadRequestError(text, data=data)
    if wanted.user_id:
        return Cleanup("delete_user", wanted.user_id)
    if wanted.conversation_id or wanted.thread_id:
        return Cleanup("delete_conversation", str(wanted.conversation_id or wanted.thread_id))
    if wanted.clear_all_agent_data:
        return Cleanup("clear_all_agent_data")
    if wanted.cleanup_invalid_refs:
        return Cleanup("cleanup_invalid_refs")
    raise BadRequestError(texts.NO_MODE, data={"error": texts.NO_MODE_HINT})


def _positive(name: str) -> BeforeValidator:
    def check(value: Any) -> Any:
        is_whole = isinstance(value, int) and not isinstance(value, bool)
        if value is not None and not (is_whole and 1 <= value <= MOST_KEPT):
            raise PydanticCustomError("wire_text", texts.LIMIT_NOT_POSITIVE.format(name=name))
        return value

    return BeforeValidator(check)


def _as_dry_run(value: Any) -> Any:
    if value is not None and not isinstance(value, bool):
        raise PydanticCustomError("wire_text", texts.DRY_RUN_NOT_BOOLEAN)
    return bool(value)


class LimitRequest(BaseModel):
    """Whom to bring down to which limits; null is the same as absent."""

    model_config = ConfigDict(extra="ignore")

    user_id: Text = Field(None, description="Only this user; everybody by default")
    user_max_conversations: Annotated[int | None, _positive("user_max_conversations")] = Field(
        None, description="Conversations kept of a user; USER_MAX_CONVERSATIONS by default"
    )
    conversation_max_length: Annotated[int | None, _positive("conversation_max_length")] = Field(
        None, description="Messages kept of a conversation; CONVERSATION_MAX_LENGTH by default"
    )
    dry_run: Annotated[bool, BeforeValidator(_as_dry_run)] = Field(False, description="Count, but change nothing")


def parse_limits(body: Mapping[str, Any]) -> LimitRequest:
    """The request of `conversation_limit_enforcement`.

    Raises:
        BadRequestError: a text about the wrong parameter, without a list of names.
    """
    try:
        return parse_body(LimitRequest, body)
    except BadRequestError as error:
        raise BadRequestError(error.message) from error


ConversationEnvelope = ObjectEnvelope
