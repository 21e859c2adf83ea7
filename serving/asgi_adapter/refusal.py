"""Answers the adapter gives by itself (400, 408, 413, 414, 431, 500, 503), before or instead of the application's."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

RefusalRenderer = Callable[[int, str], tuple[list[tuple[bytes, bytes]], bytes]]


class RefusedError(Exception):
    """The request is answered with `status` without asking the application.

    Args:
        status: HTTP status.
        reason: one short English word group, for the renderer and the counters; never text from the request.
        body_unread: the client may still be sending, so the connection has to be closed after the answer.
        is_over_read: it has sent more than it may, so not a byte more is taken.
    """

    def __init__(self, status: int, reason: str, *, body_unread: bool = True, is_over_read: bool = False) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.body_unread = body_unread
        self.is_over_read = is_over_read


def render_plain_refusal(status: int, reason: str) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The default renderer: the status phrase and the reason as plain text. Returns headers and body."""
    text = f"{HTTPStatus(status).phrase}: {reason}\n"
    return [(b"content-type", b"text/plain; charset=utf-8")], text.encode()
