"""Conversations belong to whom began them, on every path a question can take.

Parties ask at random: by every route, in conversations of their own, of others, and under ids they made up. Each
message bears its party's mark, and no mark of another party may be in what the model is given, in a stored
conversation or in a thread.
"""

import itertools
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.wire.access import Access
from tests.contract.conftest import Start
from tests.contract.service_in_process import TLS, Service
from tools.harness.model_server import ScriptedModelServer
from tools.harness.react_script import ReactScript
from web.route_table import ROUTES

ALL: Final = "SELECT company_name FROM bss_company ORDER BY id"
MARK: Final = re.compile(r"mark([a-z]+)x\d+")
ENDED: Final = ("completed", "failed", "cancelled", "timed_out")


@dataclass(frozen=True)
class Party:
    """Somebody who asks: the members a request carries, and the address it comes from."""

    name: str
    members: dict[str, str]
    address: str


PARTIES: Final = (
    Party("ann", {"user_id": "ann"}, "127.0.0.11"),
    Party("ben", {"user_id": "ben"}, "127.0.0.12"),
    Party("carl", {}, "127.0.0.13"),
    Party("dora", {}, "127.0.0.14"),
    Party("eve", {"session_id": "eves"}, "127.0.0.15"),
    Party("fay", {"session_id": "fays"}, "127.0.0.15"),
    Party("gus", {"user_id": "guest"}, "127.0.0.16"),
)
UNNAMED: Final = (PARTIES[2], PARTIES[4], PARTIES[6])
"""One known by its address, one by its session, one that calls itself guest."""
INVENTED: Final = ("ann:20200101000000000", "ben:1", "guest:20200101000000000", "guest:1", "nocolon")


class World:
    """A service, a client for each party, and what they were told."""

    def __init__(self, service: Service, model: ScriptedModelServer) -> None:
        self.service, self.model = service, model
        base = str(service.client.base_url)
        self.clients = {
            party.name: httpx.Client(
                base_url=base, timeout=30, transport=httpx.HTTPTransport(local_address=party.address, verify=TLS)
            )
            for party in PARTIES
        }
        self.numbers = itertools.count()

    def close(self) -> None:
        for client in self.clients.values():
            client.close()

    def ask(self, party: Party, path: str, named: str | None, *, newest: bool) -> str | None:
        """Ask in a conversation, check what the model was given, and return the id that was used."""
        text = f"所有公司 mark{party.name}x{next(self.numbers)}"
        before = len(self.model.calls)
        used = PATHS[path](self, party, text, named, newest)
        for call in self.model.calls[before:]:
            assert marks(str(call.body)) <= {party.name}, (party.name, path, named)
        return used


def marks(text: str) -> set[str]:
    return set(MARK.findall(text))


def _agent(world: World, party: Party, text: str, named: str | None, newest: bool) -> str | None:
    body = {"question": text, "routing_mode": "chat_direct", "continue_conversation": newest, **party.members}
    answer = world.clients[party.name].post("/api/v0/ask_agent", json=body | _id(named)).json()
    return answer["data"].get("conversation_id")


def _direct(route: str) -> Callable[..., str | None]:
    def ask(world: World, party: Party, text: str, named: str | None, _newest: bool) -> str | None:
        world.clients[party.name].post(f"/api/v0/{route}", json={"question": text, **party.members} | _id(named))
        return None

    return ask


def _stream(route: str) -> Callable[..., str | None]:
    def ask(world: World, party: Party, text: str, named: str | None, newest: bool) -> str | None:
        asked = {"question": text, "routing_mode": "chat_direct", **party.members} | _id(named)
        if newest:
            asked["continue_conversation"] = "true"
        told = world.clients[party.name].get(f"/api/v0/{route}", params=asked).text
        found = re.findall(r'"(?:conversation_id|thread_id)": ?"([^"]+)"', told)
        return found[-1] if found else None

    return ask


def _run(engine: str) -> Callable[..., str | None]:
    def ask(world: World, party: Party, text: str, named: str | None, newest: bool) -> str | None:
        client = world.clients[party.name]
        wanted = {"question": text, "routing_mode": "chat_direct", "engine": engine, "continue_conversation": newest}
        made = client.post("/api/v0/runs", json=wanted | party.members | _id(named)).json()
        if not made["success"]:
            return None
        run, deadline = made["data"], time.monotonic() + 60
        while run["state"] not in ENDED and time.monotonic() < deadline:
            run = client.get(f"/api/v0/runs/{run['run_id']}").json()["data"]
        return str(run["conversation_id"])

    return ask


def _react(world: World, party: Party, text: str, named: str | None, _newest: bool) -> str | None:
    body = {"question": text, **party.members} | _id(named)
    return (world.clients[party.name].post("/api/v0/ask_react_agent", json=body).json().get("data") or {}).get(
        "conversation_id"
    )


def _chat(world: World, party: Party, text: str, named: str | None, _newest: bool) -> str | None:
    body = {"message": text, **party.members} | ({"thread_id": named} if named else {})
    thread: str | None = world.clients[party.name].post("/chat", json=body).json().get("thread_id")
    return thread


def _id(named: str | None) -> dict[str, Any]:
    return {"conversation_id": named} if named else {}


PATHS: Final[dict[str, Callable[..., str | None]]] = {
    "ask_agent": _agent,
    "ask": _direct("ask"),
    "ask_cached": _direct("ask_cached"),
    "ask_agent_stream": _stream("ask_agent_stream"),
    "run": _run("classic"),
    "react": _react,
    "react_stream": _stream("ask_react_agent_stream"),
    "react_run": _run("react"),
    "chat": _chat,
}
THREADS_DRAW: Final = pytest.mark.filterwarnings(
    "ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning"
)
"""The service runs in threads of this process and draws its pauses and sample ids while hypothesis draws."""
OLD_ENTRY: Final = ("ask_agent", "ask", "ask_cached")


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=ReactScript({}, {"所有公司": ALL})) as server:
        yield server


@pytest.fixture(scope="module")
def world(start: Start, small_business_url: str, model: ScriptedModelServer, entry: str) -> Iterator[World]:
    with start(small_business_url, model, entry, USER_MAX_CONVERSATIONS="20", RUNS_PER_USER="0") as service:
        found = World(service, model)
        yield found
        found.close()


def steps(paths: tuple[str, ...]) -> st.SearchStrategy[list[tuple[Party, str, object]]]:
    """Who asks, by which path, and where: anew, in the newest, under an invented id, in the n-th last that was used."""
    place = st.one_of(
        st.none(), st.just("newest"), st.sampled_from(INVENTED), st.integers(1, 6), st.integers(1, 3), st.integers(1, 3)
    )
    return st.lists(st.tuples(st.sampled_from(PARTIES), st.sampled_from(paths), place), min_size=3, max_size=8)


@THREADS_DRAW
@pytest.mark.entries("unified")
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps(tuple(PATHS)))
def test_no_message_reaches_another_partys_conversation(world: World, asked: list[tuple[Party, str, object]]) -> None:
    _play(world, asked)


@THREADS_DRAW
@pytest.mark.entries("citu")
@settings(max_examples=8, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps(OLD_ENTRY))
def test_the_old_entry_keeps_parties_apart_too(world: World, asked: list[tuple[Party, str, object]]) -> None:
    _play(world, asked)


def _play(world: World, asked: list[tuple[Party, str, object]]) -> None:
    used: list[str] = []
    for party, path, place in asked:
        named = used[-place] if isinstance(place, int) and place <= len(used) else None
        named = place if place in INVENTED else named  # type: ignore[assignment]
        found = world.ask(party, path, named, newest=place == "newest")
        if found:
            used.append(found)
    _check_stores(world)


def _check_stores(world: World) -> None:
    container = world.service.container
    redis = container.shared.redis.commands
    for key in redis.scan_iter("conversation:*:messages"):
        assert len(marks(str(redis.lrange(key, 0, -1)))) <= 1, key
    with container.shared.platform.autocommit() as connection:
        if connection.exec_driver_sql("SELECT to_regclass('checkpoints')").scalar() is None:
            return
        threads = connection.exec_driver_sql("SELECT DISTINCT thread_id::text FROM checkpoints").scalars().all()
    client = next(iter(world.clients.values()))
    for thread in threads:
        said = client.get(f"/api/v0/react/conversations/{thread}", params={"include_tools": "true"})
        assert len(marks(said.text)) <= 1, thread


@pytest.mark.entries("unified")
@pytest.mark.parametrize("party", PARTIES, ids=lambda party: party.name)
@pytest.mark.parametrize("path", ["ask_agent", "ask_agent_stream", "run", "react", "react_stream", "react_run", "chat"])
def test_a_party_goes_on_in_its_own_conversation(world: World, party: Party, path: str) -> None:
    first = world.ask(party, path, None, newest=False)
    assert first is not None
    assert world.ask(party, path, first, newest=False) == first


def test_a_client_without_a_user_id_goes_on_where_its_session_was(world: World) -> None:
    for party in PARTIES:
        first = world.ask(party, "ask_agent", None, newest=False)
        assert world.ask(party, "ask_agent", None, newest=True) == first


def test_somebody_elses_conversation_becomes_a_new_one(world: World) -> None:
    ann, _, carl, dora, eve, fay, _ = PARTIES
    for owner, other in ((ann, carl), (carl, dora), (eve, fay), (fay, dora)):
        theirs = world.ask(owner, "ask_agent", None, newest=False)
        body = {"question": "所有公司", "routing_mode": "chat_direct", "conversation_id": theirs, **other.members}
        data = world.clients[other.name].post("/api/v0/ask_agent", json=body).json()["data"]
        told = (data["conversation_status"], data["requested_conversation_id"], data["context_used"], data["user_id"])
        assert told == ("invalid_id_new", theirs, False, "guest")
        assert data["conversation_id"] != theirs


@pytest.mark.entries("unified")
def test_somebody_elses_thread_is_refused(world: World) -> None:
    ann, _, carl, dora, eve, fay, _ = PARTIES
    for owner, other in ((ann, carl), (carl, dora), (eve, fay)):
        theirs = world.ask(owner, "react", None, newest=False)
        body = {"question": "所有公司", "thread_id": theirs, **other.members}
        answer = world.clients[other.name].post("/api/v0/ask_react_agent", json=body)
        assert (answer.status_code, answer.json()["data"]["error_type"]) == (400, "missing_required_params")
        refused = world.clients[other.name].post("/chat", json={"message": "所有公司", "thread_id": theirs})
        assert (refused.status_code, refused.json()["status"]) == (400, "error")


def test_nobody_is_shown_how_a_conversation_was_begun(world: World) -> None:
    ann = PARTIES[0]
    first = world.ask(ann, "ask_agent", None, newest=False)
    shown = world.clients["ben"].get(f"/api/v0/conversation/{first}/messages").json()["data"]["conversation_meta"]
    assert set(shown) == {
        "conversation_id",
        "user_id",
        "created_at",
        "updated_at",
        "message_count",
        "conversation_title",
    }


def listed_for(world: World, user_id: str) -> list[Any]:
    """The conversations and threads that the lists of a user show."""
    client = world.service.client
    classic = client.get(f"/api/v0/user/{user_id}/conversations").json()["data"]["conversations"]
    threads = client.get(f"/api/v0/react/users/{user_id}/conversations").json()["data"]["conversations"]
    return [*classic, *threads]


@pytest.mark.entries("unified")
@pytest.mark.parametrize(
    "party", [one for one in PARTIES if one.name in ("carl", "eve", "gus")], ids=lambda one: one.name
)
@pytest.mark.parametrize("path", list(PATHS))
def test_nobody_without_a_user_id_begins_anything_for_a_user(world: World, path: str, party: Party) -> None:
    victim = f"zoe{path}{party.name}".replace("_", "")
    planted = f"{victim}:20300101000000000"
    world.ask(party, path, planted, newest=False)
    assert listed_for(world, victim) == []
    zoe = Party(party.name, {"user_id": victim}, party.address)
    if path in ("react", "react_stream", "react_run", "chat"):
        assert world.ask(zoe, path, planted, newest=False) == planted


@pytest.mark.entries("citu")
def test_nobody_without_a_user_id_begins_a_conversation_for_a_user_on_the_old_entry(world: World) -> None:
    for party in PARTIES[2:]:
        world.ask(party, "ask_agent", "zoe:20300101000000000", newest=False)
    assert world.service.client.get("/api/v0/user/zoe/conversations").json()["data"]["conversations"] == []


@pytest.mark.entries("unified")
@pytest.mark.parametrize("path", ["react", "react_stream", "react_run", "chat"])
def test_a_new_thread_is_never_one_that_somebody_began_in_advance(
    world: World, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guest names the id that another guest will be given; two processes without Redis would do the same."""
    carl, dora = PARTIES[2], PARTIES[3]
    planted = f"guest:2031010100000000{len(path) % 10}"
    world.ask(carl, path, planted, newest=False)
    monkeypatch.setattr("react_agent.thread_ids.new_thread_id", lambda _user: planted)
    world.ask(dora, path, None, newest=False)
    _check_stores(world)
    assert "markcarl" in _stored_text(world, planted, "react")


ID_NAMES: Final = ("conversation_id", "thread_id")


def routes_that_go_on(swagger: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Path, method and member of every public route that answers a question in a conversation a request may name."""
    working = {row.path for row in ROUTES if row.access is Access.PUBLIC and row.work is not None}
    found = []
    for path, methods in swagger["paths"].items():
        shared = methods.get("parameters", [])
        for method, operation in methods.items():
            if method not in ("get", "post", "put") or path not in working:
                continue
            names = {one["name"] for one in [*shared, *operation.get("parameters", [])]}
            for one in operation.get("parameters", []):
                names |= set(_members(swagger, one.get("schema", {})))
            found += [(path, method, name) for name in ID_NAMES if name in names]
    return found


def _members(swagger: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    members: dict[str, Any] = (swagger["definitions"][name] if name else schema).get("properties", {})
    return members


def _question(method: str, path: str, members: dict[str, Any], client: httpx.Client) -> str:
    """Ask by any route; what became of it, streams and runs to their ends."""
    if method == "get":
        return client.get(path, params=members).text
    answer = client.request(method, path, json=members)
    if path.endswith("/runs") and answer.json()["success"]:
        return client.get(answer.json()["data"]["events_url"]).text
    return answer.text


@pytest.mark.entries("unified")
@pytest.mark.parametrize("first", ["ask_agent", "react"])
def test_no_route_goes_on_in_a_guests_conversation_from_another_session(world: World, first: str) -> None:
    """Same address, another session: refused or begun anew. Another address, same session: gone on with."""
    eve, fay = PARTIES[4], PARTIES[5]
    transport = httpx.HTTPTransport(local_address="127.0.0.19", verify=TLS)
    found = routes_that_go_on(world.service.client.get("/swagger.json").json())
    with httpx.Client(base_url=str(world.service.client.base_url), timeout=30, transport=transport) as elsewhere:
        for path, method, name in found:
            theirs = world.ask(eve, first, None, newest=False)
            asked = {"routing_mode": "chat_direct", "engine": ENGINES[first], name: theirs}
            text, before = f"所有公司 markfayx{next(world.numbers)}", len(world.model.calls)
            _question(method, path, {**asked, "question": text, "message": text, **fay.members}, world.clients["fay"])
            for call in world.model.calls[before:]:
                assert "eve" not in marks(str(call.body)), (path, name)
            text = f"所有公司 markevex{next(world.numbers)}"
            _question(method, path, {**asked, "question": text, "message": text, **eve.members}, elsewhere)
            if path.rpartition("/")[2] in KEEPERS[first]:
                assert text in _stored_text(world, str(theirs), first), (path, name)
    _check_stores(world)
    assert {path.rpartition("/")[2] for path, _, _ in found} >= KEEPERS["ask_agent"] | KEEPERS["react"]


ENGINES: Final = {"ask_agent": "classic", "react": "react"}
KEEPERS: Final = {
    "ask_agent": {"ask_agent", "ask_agent_stream", "runs"},
    "react": {"ask_react_agent", "ask_react_agent_stream", "runs", "chat"},
}
"""The routes that keep what is asked, by the agent whose conversation it is."""


def _stored_text(world: World, conversation_id: str, first: str) -> str:
    if first == "react":
        return world.service.client.get(f"/api/v0/react/conversations/{conversation_id}").text
    return str(world.service.stored_messages(conversation_id))
