"""Unit tests open no network sockets: a test that tries fails with the address it wanted."""

import socket
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: Any) -> None:
        raise AssertionError(f"a unit test wants to connect to {address!r}: move it to tests/integration")

    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            refuse(self, address)
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)
