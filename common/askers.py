"""Who asks, as far as a service without a login can tell, and whether a conversation is theirs.

A user id is what a client says of itself. A client that says nothing is known by the session it names, else by its
network address. A conversation belongs to the user id that began it; one that was begun without a user id, or is named
without one, belongs to the session it was begun in. Question services and stores of conversations use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GUEST: Final = "guest"
UNKNOWN_OWNER: Final = "unknown"
SHARED_USERS: Final = frozenset({GUEST, UNKNOWN_OWNER, ""})
"""User ids that are nobody's own."""


@dataclass(frozen=True)
class Asker:
    """One party that asks.

    Attributes:
        key: what its session is known by; never a readable name, empty for the service itself.
        is_named: whether it says which user it is, other than one of `SHARED_USERS`.
    """

    key: str = ""
    is_named: bool = True

    @property
    def beginning(self) -> Beginning:
        """What a conversation that this asker begins remembers of it."""
        return Beginning(self.key, self.is_named)

    def may_begin_for(self, user_id: str, shared_user: str = GUEST) -> bool:
        """Whether the asker may begin a conversation of the user id: its own when it has said one, else a shared one.

        Args:
            shared_user: another user id that is nobody's own.
        """
        return self.is_named or user_id in SHARED_USERS | {shared_user}

    def may_continue(self, beginning: Beginning | None) -> bool:
        """Whether a conversation of the asker's user id is the asker's. One of an older release remembers nothing."""
        if beginning is None or (self.is_named and beginning.is_named):
            return True
        return self.key != "" and beginning.key == self.key


@dataclass(frozen=True)
class Beginning:
    """How a conversation was begun: in which session, and whether the asker said who it is."""

    key: str
    is_named: bool

    def as_fields(self) -> dict[str, str]:
        """For stores of texts."""
        return {"begun_in": self.key, "begun_by_name": "1" if self.is_named else "0"}

    @staticmethod
    def of_fields(fields: Mapping[str, object]) -> Beginning | None:
        """None when the fields of `as_fields` are not there."""
        key, is_named = fields.get("begun_in"), fields.get("begun_by_name")
        return None if is_named is None else Beginning(str(key or ""), str(is_named) == "1")


INSIDER: Final = Asker()
"""The service itself and tools on its machine: they name the user they ask for."""


def asker_of(user_id: str | None, session_id: str | None, address: str, *, shared_user: str = GUEST) -> Asker:
    """The asker of a request. It has one key: of its session when it names one, otherwise of its address.

    Args:
        session_id: what the client calls its session; any text.
        address: the client's network address; empty for the service itself.
        shared_user: another user id that is nobody's own.
    """
    is_named = (user_id or "") not in SHARED_USERS | {shared_user}
    if session_id:
        return Asker(_key("session", session_id), is_named)
    return Asker(_key("address", address) if address else "", is_named)


def _key(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind}\x1f{name}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
