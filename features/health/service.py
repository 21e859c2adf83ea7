"""Finds out whether questions can be answered now; used by `/health`, `/` and the launcher."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from common.errors import CituError
from features.health.schemas import HealthReport


@dataclass(frozen=True)
class Component:
    """One thing that can fail.

    Attributes:
        name: its key in the report.
        probe: returns None when it works, else why not (user-facing text); cheap and bounded in time.
        is_vital: no answer is possible without it.
        detail: what stands behind it, asked only when it works.
    """

    name: str
    probe: Callable[[], str | None]
    is_vital: bool = False
    detail: Callable[[], str] | None = None


class HealthService:
    """Asks every component and draws the conclusion (docs/contract/README.md, rule 5)."""

    def __init__(
        self,
        components: Sequence[Component],
        *,
        has_react_answered: Callable[[], bool] = lambda: False,
        prompt_value_columns: Callable[[], Sequence[str]] = tuple,
        warnings: Mapping[str, Callable[[], str | None]] = MappingProxyType({}),
    ) -> None:
        """Args: warnings: what is not broken and yet should be changed, None when all is well, by setting."""
        self._components = tuple(components)
        self._has_react_answered = has_react_answered
        self._warnings = warnings
        self._prompt_value_columns = prompt_value_columns

    def check(self) -> HealthReport:
        """One look at every component; never raises."""
        reasons = {component.name: _reason(component) for component in self._components}
        failing = [component for component in self._components if reasons[component.name] is not None]
        working = [component for component in self._components if component not in failing]
        services = {component.name: component in working for component in self._components}
        return HealthReport(
            status=_status(failing),
            react_agent_initialized=self._has_react_answered(),
            services={**services, "vanna": services.get("original_agent", False)},
            components={one.name: _status([one] if one in failing else []) for one in self._components},
            reasons=_texts_of(reasons),
            warnings=_texts_of({name: look() for name, look in self._warnings.items()}),
            details=_details(working),
            prompt_value_columns=_listed(self._prompt_value_columns),
        )


def _listed(look: Callable[[], Sequence[str]]) -> list[str] | None:
    try:
        return list(look())
    except CituError:
        return None


def _details(working: Sequence[Component]) -> dict[str, str]:
    return {component.name: component.detail() for component in working if component.detail is not None}


def _texts_of(texts: Mapping[str, str | None]) -> dict[str, str]:
    """The entries that have a text."""
    return {name: text for name, text in texts.items() if text is not None}


def _reason(component: Component) -> str | None:
    try:
        return component.probe()
    except CituError as error:
        return error.message


def _status(failing: Sequence[Component]) -> str:
    if any(component.is_vital for component in failing):
        return "unhealthy"
    return "degraded" if failing else "healthy"
