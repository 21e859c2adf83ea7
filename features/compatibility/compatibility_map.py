"""The compatibility map: path -> handler, agent type, deprecated; generated from the route table.

Handlers are named as the documentation names the operation, except those of the question routes, whose names the
migration plan fixes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from features.wire.access import Access

if TYPE_CHECKING:  # the old entry builds the container and must not need flask-restx
    from features.wire.http import Route

RESERVED: Final = "/api/v0/ask_advanced_agent"
AGENTS: Final[Mapping[str, tuple[str, str]]] = {
    "/api/v0/ask_agent": ("ask_agent_v0", "langgraph"),
    "/api/v0/ask_agent_stream": ("ask_agent_stream_v0", "langgraph"),
    "/api/v0/ask_react_agent": ("ask_react_agent_v1", "react"),
    "/api/v0/ask_react_agent_stream": ("ask_react_agent_stream_v1", "react"),
    RESERVED: ("ask_advanced_agent_v2", "future"),
}


def compatibility_map(routes: Iterable[Route]) -> Mapping[str, Mapping[str, Any]]:
    """A row for each route, in the table's order, and the reserved path at the end."""
    rows = {route.path: _row(route) for route in routes}
    handler, agent = AGENTS[RESERVED]
    reserved = {
        "handler": handler,
        "agent_type": agent,
        "deprecated": False,
        "status": "reserved",
        "methods": [],
        "access": Access.PUBLIC.value,
        "writes": [],
    }
    return MappingProxyType({**rows, RESERVED: rows.get(RESERVED, reserved)})


def _row(route: Route) -> dict[str, Any]:
    methods = sorted(route.resource.methods or ())
    handler, agent = AGENTS.get(route.path, (_documented_name(route, methods), "none"))
    return {
        "handler": handler,
        "agent_type": agent,
        "deprecated": False,
        "status": "active",
        "methods": methods,
        "access": route.access.value,
        "writes": list(route.writes),
    }


def _documented_name(route: Route, methods: list[str]) -> str:
    for method in methods:
        named = getattr(getattr(route.resource, method.lower()), "__apidoc__", {}).get("id")
        if isinstance(named, str):
            return named
    return route.resource.__name__
