"""A real browser on this machine opens a page of somebody else, which tries to switch read-only mode and to read data.

The requests have to arrive: what is under test is the service, not what the browser holds back by itself.
"""

import html
import http.server
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Response, request

from tests.contract.browser import ABSENT_REASON, CHROMIUM, opened
from tests.contract.service_in_process import Service

pytestmark = [
    pytest.mark.slow,
    pytest.mark.entries("unified"),
    pytest.mark.skipif(CHROMIUM is None, reason=ABSENT_REASON),
]

SWITCH = "/api/v0/maintenance/readonly"
PAGE = """<!doctype html><meta charset="utf-8"><title>prizes</title><body><pre id="report"></pre><script>
const target = TARGET, report = {};
const send = async (name, path, options) => {
  try { const answer = await fetch(target + path, options); report[name] = answer.type + " " + answer.status; }
  catch (error) { report[name] = error.name; }
};
const form = (enctype) => new Promise((resolve) => {
  const frame = document.createElement("iframe"), sent = document.createElement("form");
  frame.name = "frame-" + enctype; frame.onload = resolve;
  Object.assign(sent, {action: target + SWITCH, method: "POST", enctype: enctype, target: frame.name});
  const member = document.createElement("input");
  member.name = '{"enabled": true, "reason": "'; member.value = '"}';
  sent.append(member); document.body.append(frame, sent); sent.submit();
});
const image = (path) => new Promise((resolve) => {
  const seen = new Image(); seen.onload = seen.onerror = resolve; seen.src = target + path;
});
(async () => {
  const on = '{"enabled": true}';
  await send("json", SWITCH, {method: "POST", headers: {"Content-Type": "application/json"}, body: on});
  await send("text", SWITCH, {method: "POST", headers: {"Content-Type": "text/plain"}, body: on});
  await send("opaque text", SWITCH, {method: "POST", mode: "no-cors", body: on});
  await send("opaque untyped", SWITCH, {method: "POST", mode: "no-cors", body: new Blob([on])});
  await send("opaque empty", SWITCH, {method: "POST", mode: "no-cors"});
  await send("no referrer", SWITCH, {method: "POST", mode: "no-cors", referrerPolicy: "no-referrer"});
  navigator.sendBeacon(target + SWITCH, on);
  await form("text/plain"); await form("application/x-www-form-urlencoded"); await form("multipart/form-data");
  await image(SWITCH); await image("/api/v0/ask_agent_stream?question=x");
  await send("reading", "/api/v0/qa_cache_list", {});
  await send("reading admin data", SWITCH, {});
  document.getElementById("report").textContent = JSON.stringify(report);
})();
</script>"""


@dataclass
class Arrivals:
    """What reached the service, by method, path and status."""

    seen: list[tuple[str, str, int]] = field(default_factory=list)

    def statuses(self, method: str, path: str) -> list[int]:
        return [status for sent, where, status in self.seen if (sent, where) == (method, path)]


@pytest.fixture(scope="module")
def arrivals(service: Service) -> Arrivals:
    found = Arrivals()

    def note(response: Response) -> Response:
        if "Sec-Fetch-Site" in request.headers or "Origin" in request.headers or "evil" in request.host:
            found.seen.append((request.method, request.path, response.status_code))
        return response

    service.app.after_request_funcs.setdefault(None, []).append(note)
    return found


@pytest.fixture
def foreign_port(service: Service) -> Iterator[int]:
    """Serves the page at any name of this machine, on a port that is not the service's."""
    text = PAGE.replace("TARGET", json.dumps(str(service.client.base_url).rstrip("/")), 1)
    document = text.replace("SWITCH", json.dumps(SWITCH)).encode()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, format: str, *arguments: object) -> None:
            """Quiet."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "evil.example"])
def test_foreign_page_cannot_switch_read_only_mode(
    service: Service, arrivals: Arrivals, foreign_port: int, tmp_path: Path, host: str
) -> None:
    arrivals.seen.clear()
    page = opened(f"http://{host}:{foreign_port}/", tmp_path, names_of_this_machine=("evil.example",))
    found = re.search(r'<pre id="report">(\{.*?\})</pre>', page)
    assert found, page[-2000:]
    report = json.loads(html.unescape(found[1]))
    posts = arrivals.statuses("POST", SWITCH)
    assert len(posts) >= 8, "the page's requests did not arrive, so nothing was tested"
    assert set(posts) == {403}
    assert set(arrivals.statuses("GET", SWITCH)) == {403}
    assert set(arrivals.statuses("GET", "/api/v0/ask_agent_stream")) == {403}
    assert {report[name] for name in ("json", "text", "reading", "reading admin data")} == {"TypeError"}
    assert service.client.get(SWITCH).json()["data"]["enabled"] is False


def test_name_made_to_point_here_reads_no_admin_data(service: Service, arrivals: Arrivals, tmp_path: Path) -> None:
    arrivals.seen.clear()
    port = service.client.base_url.port
    page = opened(f"http://evil.example:{port}{SWITCH}", tmp_path, names_of_this_machine=("evil.example",))
    assert set(arrivals.statuses("GET", SWITCH)) == {421}
    assert '"success":false' in page


def test_documentation_page_works_under_its_policy(service: Service, tmp_path: Path) -> None:
    page = opened(str(service.client.base_url.join("/api/docs")), tmp_path)
    assert 'data-tag="ask"' in page, "the page's own script drew the operations"
