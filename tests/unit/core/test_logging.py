"""Log lines: format, context, redaction, no injection, what happens without a writable folder."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from pathlib import Path

import pytest

from core.logging import (
    clear_log_context,
    get_agent_logger,
    get_app_logger,
    get_data_pipeline_logger,
    get_logger,
    get_react_agent_logger,
    initialize_logging,
    set_log_context,
    shutdown_logging,
)
from core.logging.handlers import BACKUPS_KEPT, DailyFileHandler, DatedFileHandler


@pytest.fixture(autouse=True)
def _clean_logging():
    levels = {name: logging.getLogger(name).level for name in ("", "httpx", "openai", "filelock")}
    yield
    shutdown_logging()
    clear_log_context()
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def lines_of(directory: Path, file: str = "app.log") -> list[str]:
    return (directory / file).read_text(encoding="utf-8").splitlines()


def test_line_has_the_historical_file_format(tmp_path):
    initialize_logging(directory=tmp_path)
    get_app_logger("UnifiedAPI").info("started on %d", 8084)
    [line] = lines_of(tmp_path)
    pattern = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[INFO\] \[app\.UnifiedAPI\] test_logging\.py:\d+ - started on 8084"
    assert re.fullmatch(pattern, line)


def test_console_line_begins_with_the_module_prefix(tmp_path, capsys):
    initialize_logging(directory=tmp_path)
    get_agent_logger("x").info("one")
    get_data_pipeline_logger("x").info("two")
    assert re.findall(r"\] (.*)", capsys.readouterr().err) == ["Agent: one", "Pipeline: two"]


def test_each_module_writes_its_own_file(tmp_path):
    initialize_logging(directory=tmp_path)
    for logger in (get_agent_logger("a"), get_data_pipeline_logger("b"), get_react_agent_logger("c"), get_logger("d")):
        logger.info("hello")
    logging.getLogger("some.library").info("hello")
    dated = f"react_agent_{time.strftime('%Y%m%d')}.log"
    counts = {path.name: len(lines_of(tmp_path, path.name)) for path in tmp_path.iterdir()}
    assert counts == {"agent.log": 1, "data_pipeline.log": 1, dated: 1, "app.log": 2}


def test_logger_obtained_before_initialisation_writes_after_it(tmp_path):
    logger = get_app_logger("early")
    initialize_logging(directory=tmp_path)
    logger.info("hello")
    assert len(lines_of(tmp_path)) == 1


def test_second_initialisation_doubles_nothing(tmp_path, capsys):
    for _ in range(3):
        initialize_logging(directory=tmp_path)
    initialize_logging(directory=tmp_path, level="DEBUG")
    get_app_logger("x").debug("hello")
    assert len(lines_of(tmp_path)) == 1
    assert capsys.readouterr().err.count("hello") == 1


def test_debug_is_not_written_by_default(tmp_path):
    initialize_logging(directory=tmp_path)
    get_agent_logger("x").debug("the prompt")
    assert lines_of(tmp_path, "agent.log") == []


def test_libraries_stay_quiet_when_our_own_level_is_debug(tmp_path):
    initialize_logging(directory=tmp_path, level="DEBUG")
    logging.getLogger("openai._base_client").info("request with the whole prompt")
    logging.getLogger("some.library").debug("detail")
    assert lines_of(tmp_path) == []


def test_context_stands_on_the_line_and_goes_when_cleared(tmp_path):
    initialize_logging(directory=tmp_path)
    set_log_context(request_id="r1")
    set_log_context(user_id="小明", conversation_id="c:1", tenant=None)
    get_app_logger("x").info("with")
    clear_log_context()
    get_app_logger("x").info("without")
    with_context, without = lines_of(tmp_path)
    assert with_context.endswith(" - with {request_id=r1 user_id=小明 conversation_id=c:1}")
    assert without.endswith(" - without")


def test_context_of_one_thread_is_not_seen_by_another(tmp_path):
    initialize_logging(directory=tmp_path)
    ready = threading.Barrier(2)

    def work(name: str) -> None:
        set_log_context(request_id=name)
        ready.wait()
        get_app_logger("x").info("line of %s", name)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = sorted(re.search(r"line of (\w+) \{request_id=(\w+)\}", line).groups() for line in lines_of(tmp_path))
    assert found == [("one", "one"), ("two", "two")]
    get_app_logger("x").info("main")
    assert lines_of(tmp_path)[-1].endswith("main")


@pytest.mark.parametrize("is_json", [False, True])
def test_secrets_are_in_no_line_not_even_in_tracebacks(tmp_path, capsys, is_json):
    initialize_logging(directory=tmp_path, is_json=is_json, secrets=["correct-horse"])
    logger = get_app_logger("x")
    logger.info("connecting to %s with correct-horse", "postgresql://u:hunter2@h/d")
    logger.info({"api_key": "hunter2", "q": 1})
    logger.info("extra", extra={"token": "hunter2", "inner": {"password": "hunter2", "list": ["sk-hunter2hunter2"]}})
    logger.error("failed", exc_info=ValueError("cannot use Bearer hunter2hunter2 or redis://:hunter2@h"))
    written = "\n".join(lines_of(tmp_path)) + capsys.readouterr().err
    assert "failed" in written
    assert "hunter2" not in written
    assert "correct-horse" not in written


@pytest.mark.parametrize("is_json", [False, True])
def test_text_cannot_fake_a_line(tmp_path, is_json):
    initialize_logging(directory=tmp_path, is_json=is_json)
    fake = "x\n2025-01-01 00:00:00 [ERROR] [app.fake] a.py:1 - fake\r\x1b[2J\u2028\x85\u202e\ud800"
    set_log_context(user_id=fake)
    get_app_logger("x").info("question: %s", fake)
    get_app_logger("x").error("failed", exc_info=ValueError(fake))
    records = [line for line in lines_of(tmp_path) if not line.startswith("  | ")]
    assert len(records) == 2
    text = (tmp_path / "app.log").read_text(encoding="utf-8")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", text)


def test_json_line_has_the_context_and_keeps_chinese(tmp_path):
    initialize_logging(directory=tmp_path, is_json=True)
    set_log_context(request_id="r1")
    get_app_logger("x").warning("问题\n%s", "二", extra={"duration_ms": 1.5})
    found = json.loads(lines_of(tmp_path)[0])
    expected = {"levelname": "WARNING", "name": "app.x", "message": "问题\n二", "request_id": "r1", "duration_ms": 1.5}
    assert expected.items() <= found.items()
    assert (found["user_id"], found["tenant"]) == ("anonymous", "N/A")
    assert "问题" in lines_of(tmp_path)[0]


def test_folder_that_cannot_be_made_leaves_the_console(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    initialize_logging(directory=tmp_path / "file" / "logs")
    get_app_logger("x").info("hello")
    err = capsys.readouterr().err
    assert "cannot be written" in err
    assert "hello" in err


def test_file_that_cannot_be_opened_leaves_the_others(tmp_path, capsys):
    (tmp_path / "agent.log").mkdir()
    initialize_logging(directory=tmp_path)
    get_agent_logger("x").info("one")
    get_app_logger("x").info("two")
    assert "agent.log cannot be written" in capsys.readouterr().err
    assert len(lines_of(tmp_path)) == 1


def test_deleted_or_moved_file_is_opened_anew(tmp_path):
    initialize_logging(directory=tmp_path)
    get_app_logger("x").info("one")
    (tmp_path / "app.log").rename(tmp_path / "moved")
    get_app_logger("x").info("two")
    assert len(lines_of(tmp_path)) == len(lines_of(tmp_path, "moved")) == 1


def test_lines_after_shutdown_go_nowhere_and_files_are_closed(tmp_path):
    initialize_logging(directory=tmp_path)
    shutdown_logging()
    get_app_logger("x").info("late")
    shutdown_logging()
    assert lines_of(tmp_path) == []


class Clock:
    """A clock the test sets; starts at noon of a fixed day."""

    def __init__(self) -> None:
        self.now = time.mktime((2025, 1, 15, 12, 0, 0, 0, 0, -1))

    def __call__(self) -> float:
        return self.now

    def next_day(self) -> None:
        self.now += 86_400


def say(handler: logging.Handler, text: str) -> None:
    handler.handle(logging.makeLogRecord({"msg": text}))


def test_new_day_gets_a_new_file_for_every_process_that_shares_it(tmp_path):
    clock, path = Clock(), tmp_path / "app.log"
    first, second = DailyFileHandler(path, clock=clock), DailyFileHandler(path, clock=clock)
    say(first, "a")
    say(second, "b")
    clock.next_day()
    say(first, "c")
    say(second, "d")
    first.close()
    second.close()
    assert (tmp_path / "app.log.2025-01-15").read_text() == "a\nb\n"
    assert path.read_text() == "c\nd\n"


def test_file_of_an_earlier_day_is_put_away_at_the_start(tmp_path):
    path = tmp_path / "app.log"
    path.write_text("old\n")
    day = time.strftime("%Y-%m-%d", time.localtime(path.stat().st_mtime))
    handler = DailyFileHandler(path, clock=lambda: time.time() + 2 * 86_400)
    handler.close()
    assert (tmp_path / f"app.log.{day}").read_text() == "old\n"


def test_only_the_newest_backups_are_kept(tmp_path):
    for day in range(1, 32):
        (tmp_path / f"app.log.2024-12-{day:02}").touch()
        (tmp_path / f"react_agent_202412{day:02}.log").touch()
    (tmp_path / "app.log.keep").touch()
    clock = Clock()
    handlers = [
        DailyFileHandler(tmp_path / "app.log", clock=clock),
        DatedFileHandler(tmp_path / "react_agent.log", clock=clock),
    ]
    clock.next_day()
    for handler in handlers:
        say(handler, "x")
        handler.close()
    kept = sorted(path.name for path in tmp_path.glob("app.log.2*"))
    assert len(kept) == BACKUPS_KEPT
    assert kept[-1] == "app.log.2025-01-15"
    assert (tmp_path / "app.log.keep").exists()
    assert (tmp_path / "react_agent_20250116.log").read_text() == "x\n"
    assert not (tmp_path / "react_agent_20241201.log").exists()
