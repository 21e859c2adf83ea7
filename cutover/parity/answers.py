"""What the service under comparison answered, and whether an error among its answers is well-formed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """HTTP status and content: `body` is the JSON, None when it is none; `events` are those of a stream."""

    status: int
    body: Any = None
    content_type: str = ""
    text: str = ""
    events: Sequence[Any] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def data(self) -> Mapping[str, Any]:
        """The envelope's `data`; empty when there is none."""
        data = self.body.get("data") if isinstance(self.body, Mapping) else None
        return data if isinstance(data, Mapping) else {}

    @property
    def error_type(self) -> str | None:
        return self.data.get("error_type")

    @property
    def response(self) -> str:
        text = self.data.get("response")
        return text if isinstance(text, str) else ""

    def is_error(self, status: int, category: str, error_type: str | None = None) -> bool:
        """Whether this is a complete error envelope of this status, `message` and, when one is named, type."""
        if not isinstance(self.body, Mapping) or self.status != status:
            return False
        is_enveloped = self.body.get("code") == status and self.body.get("success") is False
        is_explained = bool(self.response and self.error_type and self.data.get("timestamp"))
        is_named = self.body.get("message") == category and error_type in (None, self.error_type)
        return is_enveloped and is_explained and is_named
