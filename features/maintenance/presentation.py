"""Read-only mode, as the envelope of its route."""

from __future__ import annotations

from common.messages import maintenance as texts
from common.result import Envelope, success_response
from core.read_only_mode import ModeState


def shown(state: ModeState) -> Envelope:
    """The mode as it is."""
    return _mode(texts.IS_ON if state.is_read_only else texts.IS_OFF, state)


def switched(state: ModeState) -> Envelope:
    """The mode as it has just been switched."""
    return _mode(texts.SWITCHED_ON if state.is_read_only else texts.SWITCHED_OFF, state)


def _mode(text: str, state: ModeState) -> Envelope:
    moment = state.changed_at.astimezone().replace(tzinfo=None).isoformat() if state.changed_at else None
    return success_response(text, {"enabled": state.is_read_only, "reason": state.reason, "changed_at": moment})
