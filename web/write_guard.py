"""Refuses, in read-only mode, the requests that would write; both entries install it on their application."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from flask import Flask, request

from core.read_only_mode import ReadOnlyMode


def guard_writes(app: Flask, mode: Callable[[], ReadOnlyMode], writes: Mapping[str, Collection[str]]) -> None:
    """Have `app` ask the mode before every method that `writes` names for an endpoint; other requests cost nothing.

    Args:
        mode: asked at the first write, so that installing it connects nothing.
    """

    def check() -> None:
        if request.method in writes.get(request.endpoint or "", ()):
            mode().refuse_writes()

    app.before_request(check)
