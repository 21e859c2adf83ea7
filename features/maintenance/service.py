"""Shows and switches read-only mode; `/api/v0/maintenance/readonly` serves it."""

from __future__ import annotations

from common.messages import maintenance as texts
from common.result import Envelope, success_response
from core.read_only_mode import ModeState, ReadOnlyMode
from features.maintenance.schemas import ReadOnlySwitch


class MaintenanceService:
    """See the module."""

    def __init__(self, *, mode: ReadOnlyMode) -> None:
        self._mode = mode

    def show(self) -> Envelope:
        """The mode now."""
        state = self._mode.state()
        return _envelope(texts.IS_ON if state.is_read_only else texts.IS_OFF, state)

    def switch(self, wanted: ReadOnlySwitch) -> Envelope:
        """Switch every process.

        Raises:
            StoreUnavailableError: the platform database is away; nothing was switched.
        """
        reason = (wanted.reason or texts.USUAL_REASON) if wanted.enabled else wanted.reason
        state = self._mode.switch(is_read_only=wanted.enabled, reason=reason)
        return _envelope(texts.SWITCHED_ON if state.is_read_only else texts.SWITCHED_OFF, state)


def _envelope(text: str, state: ModeState) -> Envelope:
    moment = state.changed_at.astimezone().replace(tzinfo=None).isoformat() if state.changed_at else None
    return success_response(text, {"enabled": state.is_read_only, "reason": state.reason, "changed_at": moment})
