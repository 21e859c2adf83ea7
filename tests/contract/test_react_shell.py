"""The agent in a terminal: a real process on a pseudo-terminal and on a pipe, on the stores of a running service."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from select import select

import pytest

from features.runs.react_engine import step_name
from react_agent.terminal import ReactShell
from tests.contract.conftest import Start
from tests.contract.service_in_process import MODEL_SETTINGS, ROOT, Service
from tools.harness.model_faults import FIGURE_38
from tools.harness.model_script import ScriptedReply
from tools.harness.model_server import ScriptedModelServer
from tools.harness.react_script import ReactScript, query

pytestmark = pytest.mark.entries("unified")

ALL = "SELECT company_name FROM bss_company ORDER BY id"
HOSTILE = "SELECT chr(27) || '[2J' || chr(7) || chr(13) || chr(10) || 'x' AS boom FROM bss_company LIMIT 1"
PLANS = {
    "所有公司": query(ALL),
    "控制字符": [*query(HOSTILE)[:3], lambda outputs: ScriptedReply("\x1b]owned\x07坏的文字")],
}
SECONDS = 30


@pytest.fixture(scope="module")
def model() -> Iterator[ScriptedModelServer]:
    with ScriptedModelServer(script=ReactScript(PLANS, {"所有公司": ALL, "控制字符": HOSTILE})) as server:
        yield server


@pytest.fixture(scope="module")
def service(start: Start, small_business_url: str, model: ScriptedModelServer) -> Iterator[Service]:
    with start(small_business_url, model, LLM_BREAKER_FAILURES="0") as running:
        yield running


@pytest.fixture(scope="module")
def environ(
    service: Service, model: ScriptedModelServer, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, str]:
    folder = tmp_path_factory.mktemp("shell")
    own = {**stores_of(service), **folders(folder), "LLM_BASE_URL": model.base_url}
    return {**os.environ, **MODEL_SETTINGS, **own}


def stores_of(running: Service) -> dict[str, str]:
    stores = running.container.shared.stores
    return {
        "DATABASE_URL": stores.platform_url,
        "BUSINESS_DATABASE_URL": stores.business_url,
        "REDIS_URL": stores.redis_url,
    }


def folders(folder: Path) -> dict[str, str]:
    return {"DATA_DIR": str(folder), "LOG_DIR": str(folder / "logs"), "TERM": "xterm"}


def typed(service: Service, *lines: str) -> str:
    """What the shell says to these lines."""
    out = io.StringIO()
    shell = ReactShell(service.container.react, engine="openai", step_name=step_name, user_id="mona", out=out)
    shell.run(iter(lines))
    return out.getvalue()


class Terminal:
    """A process on a pseudo-terminal; `until` reads what it shows."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.master, slave = pty.openpty()
        command = [sys.executable, "-m", "react_agent.shell", "--user", "lena"]
        self.process = subprocess.Popen(
            command, stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env=environ, start_new_session=True
        )
        os.close(slave)
        self.shown = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def until(self, text: str) -> str:
        """Everything shown up to this text since the last call."""
        deadline = time.monotonic() + SECONDS
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} was not shown: {self.shown[-2000:]!r}"
            if select([self.master], [], [], 0.2)[0]:
                self._read()
        seen, self.shown = self.shown.split(text, 1)
        return seen

    def _read(self) -> None:
        piece = os.read(self.master, 65536).decode(errors="replace")
        if "\x1b[6n" in piece:  # where is the cursor? a terminal answers that
            self.type("\x1b[1;1R")
        self.shown += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", piece)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.mark.slow
def test_questions_commands_and_ctrl_c_at_a_terminal(environ: Mapping[str, str], model: ScriptedModelServer) -> None:
    terminal = Terminal(environ)
    try:
        terminal.until("[lena]>")
        terminal.type("列出所有公司\r")
        terminal.until("执行SQL查询")
        terminal.until("共 3 行。")
        terminal.type("/sql\r")
        terminal.until("宜春分公司")
        model.delay_seconds = 20.0
        terminal.type("你好吗\r")
        time.sleep(1.5)
        os.kill(terminal.process.pid, signal.SIGINT)
        terminal.until("已停止")
        model.delay_seconds = 0.0
        terminal.type("\x03")
        terminal.type("再列出所有公司\r")
        terminal.until("共 3 行。")
        terminal.type("/quit\r")
        terminal.until("再见")
        assert terminal.process.wait(SECONDS) == 0
    finally:
        model.delay_seconds = 0.0
        terminal.close()
    history = Path(environ["DATA_DIR"]) / "react_shell_history"
    assert "再列出所有公司" in history.read_text()
    assert history.stat().st_mode & 0o077 == 0


def test_commands(service: Service) -> None:
    lines = ["第一个话题", "/new", "第二个话题", "/thread", "/thread 2", "/history", "/tools", "/thread otto:1"]
    shown = typed(service, *lines, "/nothing", "/help", "/sql", "x" * 2500, "/quit", "never read")
    for expected in (
        "你说：第一个话题",
        "已开始新的会话",
        "1. 第二个话题",
        "2. 第一个话题",
        "已切换到会话 mona:",
        "问：第一个话题",
        "redis_search",
        "没有这个会话：otto:1",
        "没有这个命令：/nothing",
        "/thread 编号",
        "上一个回答没有使用SQL",
        "错误：问题长度不能超过2000字符",
        "再见",
    ):
        assert expected in shown
    assert "never read" not in shown


def test_nothing_in_data_steers_the_terminal(service: Service) -> None:
    shown = typed(service, "控制字符", "/sql", "/thread", "/history", "问\x1b[31m\x9b", "/\x1b[2J", "/thread \x9b")
    assert "坏的文字" in shown
    assert "boom" in shown
    assert not set(shown) & set("\x1b\x07\x9b\r\x00")


def test_a_broken_model_is_told(service: Service, model: ScriptedModelServer) -> None:
    model.queue_fault(FIGURE_38["500"])
    assert "错误：" in typed(service, "你好")


@pytest.mark.slow
def test_lines_from_a_pipe_offline(environ: Mapping[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "react_agent.shell"],
        input="你好\n".encode(),
        capture_output=True,
        cwd=ROOT,
        env={**environ, "LLM_PROVIDER": "offline"},
        timeout=SECONDS,
        check=False,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    assert "离线引擎" in done.stdout.decode()
    assert done.stdout.decode().rstrip().endswith("再见")
