"""A request reaches the configured database or a listed host, at the address that was checked, and nothing else."""

import socket
import threading
from collections.abc import Iterator

import psycopg
import pytest

from common.errors import BadRequestError, ConfigurationError, ForbiddenError
from core.database_targets import DatabaseTargets

CONFIGURED = "postgresql://reader:own%20secret@db.example:6432/highway_db"


class Trap:
    """A listener on loopback that counts who connects."""

    def __init__(self) -> None:
        self.count = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.count += 1
            connection.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture(scope="module")
def trap() -> Iterator[Trap]:
    listener = Trap()
    yield listener
    listener.close()


def targets(*allowed: str, addresses: dict[str, list[str]] | None = None, url: str = CONFIGURED) -> DatabaseTargets:
    known = addresses or {}
    return DatabaseTargets(configured_url=lambda: url, allowed=allowed, resolve=lambda host, _port: known.get(host, []))


def reach(targets: DatabaseTargets, url: str) -> None:
    target = targets.target(url)
    psycopg.connect(**dict(target.parameters)).close()  # type: ignore[arg-type]


HOSTILE = (
    "postgresql://u:p@127.0.0.1:{port}/d",
    "postgresql://u:p@localhost:{port}/d",
    "postgresql://u:p@LOCALHOST:{port}/d",
    "postgresql://u:p@localhost.:{port}/d",
    "postgresql://u:p@127.1:{port}/d",
    "postgresql://u:p@2130706433:{port}/d",
    "postgresql://u:p@0x7f000001:{port}/d",
    "postgresql://u:p@0x7f.0.0.1:{port}/d",
    "postgresql://u:p@0177.0.0.1:{port}/d",
    "postgresql://u:p@017700000001:{port}/d",
    "postgresql://u:p@127.0.0.1.nip.io:{port}/d",
    "postgresql://u:p@0.0.0.0:{port}/d",
    "postgresql://u:p@0:{port}/d",
    "postgresql://u:p@[::1]:{port}/d",
    "postgresql://u:p@[::]:{port}/d",
    "postgresql://u:p@[::ffff:127.0.0.1]:{port}/d",
    "postgresql://u:p@[::ffff:7f00:1]:{port}/d",
    "postgresql://u:p@[64:ff9b::7f00:1]:{port}/d",
    "postgresql://u:p@[2002:7f00:1::]:{port}/d",
    "postgresql://u:p@169.254.169.254:80/latest",
    "postgresql://u:p@[::ffff:169.254.169.254]:80/latest",
    "postgresql://u:p@[fd00:ec2::254]:80/latest",
    "postgresql://u:p@100.100.100.200:80/latest",
    "postgresql://u:p@metadata.google.internal:80/d",
    "postgresql://u:p@10.0.0.1:5432/d",
    "postgresql://u:p@192.168.0.1:5432/d",
    "postgresql://u:p@db.example,127.0.0.1:6432,{port}/highway_db",
    "postgresql://u:p@127.0.0.1,db.example:{port},6432/highway_db",
    "postgresql://u:p@db.example:6432/highway_db?host=127.0.0.1&port={port}",
    "postgresql://u:p@db.example:6432/highway_db?hostaddr=127.0.0.1",
    "postgresql://u:p@db.example:6432/highway_db?options=-c%20search_path%3Devil",
    "postgresql://u:p@db.example:6432/highway_db?service=internal",
    "postgresql://u:p@db.example:6432/highway_db?passfile=/etc/passwd",
    "postgresql://u:p@db.example:6432/highway_db?sslrootcert=/etc/passwd",
    "postgresql://u:p@db.example:6432/highway_db?sslkey=/etc/shadow&sslmode=verify-full",
    "postgresql://u:p@db.example:6432/highway_db?target_session_attrs=any",
    "postgresql://u:p@db.example:{port}/highway_db",
    "postgresql://u:p@db.example:6432/other_db",
    "postgresql://u:p@db.example:6432/host%3D127.0.0.1%20port%3D{port}",
    "postgresql:///highway_db",
    "postgresql://u:p@/highway_db?host=/var/run/postgresql",
    "postgresql://u:p@%2Fvar%2Frun%2Fpostgresql/highway_db",
    "postgresql://u:p@/d?host=@abstract",
    "host=127.0.0.1 port={port} dbname=d user=u",
    "http://127.0.0.1:{port}/",
    "file:///etc/passwd",
    "postgresql://u:p@db.example@127.0.0.1:{port}/highway_db",
    "postgresql://u:p@ⓛocalhost:{port}/d",
    "postgresql://u:p@db.example:6432/highway_db\n?host=127.0.0.1",
    "postgresql://" + "u" * 3000 + "@127.0.0.1:{port}/d",
)


@pytest.mark.parametrize("form", HOSTILE)
@pytest.mark.parametrize("allowed", [(), ("db.partner.example", "203.0.113.0/24")], ids=["no list", "a list"])
def test_hostile_address_connects_nowhere_and_is_not_repeated(form: str, allowed: tuple[str, ...], trap: Trap) -> None:
    before = trap.count
    with pytest.raises((BadRequestError, ForbiddenError)) as refusal:
        reach(targets(*allowed), form.replace("{port}", str(trap.port)))
    assert trap.count == before
    assert not any(word in refusal.value.message for word in ("127.0.0.1", "localhost", "u:p", str(trap.port)))
    assert refusal.value.__cause__ is None


def test_trap_counts_who_does_connect(trap: Trap) -> None:
    before = trap.count
    with pytest.raises(psycopg.OperationalError):
        reach(targets("127.0.0.1"), f"postgresql://u:p@127.0.0.1:{trap.port}/d")
    assert trap.count > before


@pytest.mark.parametrize(
    ("allowed", "address", "is_admitted"),
    [
        ("db.partner.example", "203.0.113.7", True),
        ("db.partner.example", "10.1.2.3", True),
        ("db.partner.example", "127.0.0.1", False),
        ("db.partner.example", "169.254.169.254", False),
        ("db.partner.example", "::ffff:169.254.169.254", False),
        ("db.partner.example", "fe80::1", False),
        ("203.0.113.0/24", "203.0.113.7", True),
        ("203.0.113.0/24", "203.0.114.7", False),
        ("0.0.0.0/0", "169.254.169.254", False),
        ("0.0.0.0/0", "100.100.100.200", False),
        ("db.partner.example:5433", "203.0.113.7", False),
        ("db.partner.example:5432", "203.0.113.7", True),
    ],
)
def test_listed_host_is_connected_at_the_checked_address(allowed: str, address: str, is_admitted: bool) -> None:
    asked = targets(allowed, addresses={"db.partner.example": [address]})
    url = "postgresql://u:p@db.partner.example/d"
    if not is_admitted:
        with pytest.raises(ForbiddenError):
            asked.target(url)
        return
    target = asked.target(url)
    assert (target.parameters["hostaddr"], target.is_configured) == (address, False)
    assert (target.parameters["user"], target.parameters["password"]) == ("u", "p")


def test_one_forbidden_address_of_several_refuses_the_name() -> None:
    asked = targets("db.partner.example", addresses={"db.partner.example": ["203.0.113.7", "169.254.169.254"]})
    with pytest.raises(ForbiddenError):
        asked.target("postgresql://u:p@db.partner.example/d")


def test_name_is_resolved_once() -> None:
    asked: list[str] = []

    def resolve(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["203.0.113.7"]

    targets = DatabaseTargets(configured_url=lambda: CONFIGURED, allowed=["a.example"], resolve=resolve)
    targets.target("postgresql://u:p@a.example/d")
    with pytest.raises(ForbiddenError):
        targets.target("postgresql://u:p@b.example/d")
    assert asked == ["a.example"]


@pytest.mark.parametrize(
    ("url", "user", "password"),
    [
        (None, "reader", "own secret"),
        ("", "reader", "own secret"),
        ("postgresql://db.example:6432/highway_db", "reader", "own secret"),
        ("postgresql://other:theirs@DB.example:6432/highway_db", "other", "theirs"),
        ("postgresql://other@db.example:6432/highway_db", "other", None),
    ],
)
def test_configured_database_is_reached_with_its_login_or_another(
    url: str | None, user: str, password: str | None
) -> None:
    target = targets().target(url)
    assert (target.parameters["user"], target.parameters.get("password")) == (user, password)
    assert (target.database, target.is_configured) == ("highway_db", True)
    assert "own secret" not in repr(target)


def test_configured_socket_is_reached_by_its_own_url_only() -> None:
    own = "postgresql://reader:pw@/business?host=/run/citu&port=5499"
    assert targets(url=own).target(own).is_configured
    with pytest.raises((BadRequestError, ForbiddenError)):
        targets(url=own).target("postgresql://reader:pw@/business?host=/run/other&port=5499")


@pytest.mark.parametrize("entry", ["a b", "10.0.0.0/99", "host:port", "host:0", "*", "http://x"])
def test_wrong_entry_of_the_list_is_told(entry: str) -> None:
    with pytest.raises(ConfigurationError):
        targets(entry)
