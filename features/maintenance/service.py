"""Shows and switches read-only mode; `/api/v0/maintenance/readonly` serves it."""

from __future__ import annotations

from common.messages import maintenance as texts
from core.read_only_mode import ModeState, ReadOnlyMode
from features.maintenance.schemas import ReadOnlySwitch


class MaintenanceService:
    """See the module."""

    def __init__(self, *, mode: ReadOnlyMode) -> None:
        self._mode = mode

    def show(self) -> ModeState:
        """The mode now; it is one for all tenants."""
        return self._mode.state()

    def switch(self, wanted: ReadOnlySwitch) -> ModeState:
        """Switch every process and return the mode that holds from now on.

        Raises:
            StoreUnavailableError: the platform database is away; nothing was switched.
        """
        reason = (wanted.reason or texts.USUAL_REASON) if wanted.enabled else wanted.reason
        return self._mode.switch(is_read_only=wanted.enabled, reason=reason)
