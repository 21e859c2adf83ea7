"""Settings: precedence, validation, masking, the settings file."""

from __future__ import annotations

import json
import multiprocessing
import stat
import time
from pathlib import Path

import pytest

from common.config_service import ConfigService, UnknownSettingError
from common.errors import ConfigurationError
from common.settings_table import Setting

ROWS = (
    Setting("HOST", str, "127.0.0.9", "Address.", "server"),
    Setting("PORT", int, 8084, "Port.", "server", minimum=1, maximum=65535),
    Setting("REQUEST_TIMEOUT", int, 60, "Seconds.", "server", aliases=("TIMEOUT",)),
    Setting("RATIO", float, 0.5, "Ratio.", "answers", minimum=0, maximum=1),
    Setting("VERBOSE", bool, False, "Talk.", "answers"),
    Setting("MODE", str, "hybrid", "Mode.", "answers", choices=("hybrid", "direct")),
    Setting("FORBIDDEN", tuple, ("UPDATE", "DELETE"), "Words.", "answers"),
    Setting("API_KEY", str, "", "Key.", "model", secret=True),
    Setting("REDIS_URL", str, "", "Redis.", "stores", secret=True, schemes=("redis",)),
    Setting("REDIS_PASSWORD", str, None, "Password.", "stores", secret=True),
    Setting("DATA_DIR", str, "data", "Folder.", "stores", is_environment_only=True),
    Setting("END_DATE", str, "", "Day.", "demo", pattern=r"\d{4}-\d{2}-\d{2}"),
)


def build(tmp_path: Path, environ: dict[str, str] | None = None, dotenv: str | None = None, file: object = None):
    dotenv_path, settings_path = tmp_path / ".env", tmp_path / "data" / "system_settings.json"
    if dotenv is not None:
        dotenv_path.write_text(dotenv, encoding="utf-8")
    if file is not None:
        settings_path.parent.mkdir(exist_ok=True)
        settings_path.write_text(file if isinstance(file, str) else json.dumps(file), encoding="utf-8")
    return ConfigService(
        ROWS, environ={} if environ is None else environ, dotenv_path=dotenv_path, settings_path=settings_path
    )


def test_environment_beats_dotenv_beats_file_beats_table(tmp_path):
    values = {"HOST": "file", "PORT": 1, "RATIO": 0.1}
    settings = build(tmp_path, {"HOST": "env"}, "HOST=dot\nPORT=2\n", values)
    assert [settings.get(name) for name in ("HOST", "PORT", "RATIO", "MODE")] == ["env", 2, 0.1, "hybrid"]
    sources = [settings.explain(name).source for name in ("HOST", "PORT", "RATIO", "MODE")]
    assert sources == ["environment", "dotenv", "file", "table"]


def test_empty_variable_counts_as_not_set(tmp_path):
    settings = build(tmp_path, {"PORT": "", "HOST": " "}, file={"PORT": 99})
    assert (settings.get("PORT"), settings.get("HOST")) == (99, "127.0.0.9")
    assert not settings.is_set("HOST")


def test_alias_sets_the_value_and_the_name_itself_wins(tmp_path):
    assert build(tmp_path, {"TIMEOUT": "5"}).get("REQUEST_TIMEOUT") == 5
    assert build(tmp_path, {"TIMEOUT": "5", "REQUEST_TIMEOUT": "6"}).get("REQUEST_TIMEOUT") == 6


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("PORT", " 99 ", 99),
        ("RATIO", "1", 1.0),
        ("VERBOSE", "Yes", True),
        ("VERBOSE", "0", False),
        ("FORBIDDEN", "DROP, ALTER,", ("DROP", "ALTER")),
        ("API_KEY", "pa ss#w=rd", "pa ss#w=rd"),
        ("REDIS_URL", "redis://:p%40@h/0", "redis://:p%40@h/0"),
        ("END_DATE", "2025-01-15", "2025-01-15"),
    ],
)
def test_environment_text_becomes_a_typed_value(tmp_path, name, text, value):
    found = build(tmp_path, {name: text}).get(name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "8_084"),
        ("PORT", "１２"),
        ("PORT", "9" * 5000),
        ("RATIO", "nan"),
        ("RATIO", "1e9"),
        ("VERBOSE", "maybe"),
        ("MODE", "Hybrid"),
        ("HOST", "a\x00b"),
        ("HOST", "a\nb"),
        ("HOST", "\udcff"),
        ("REDIS_URL", "http://h"),
        ("REDIS_URL", "h:6379"),
        ("END_DATE", "15.01.2025"),
    ],
)
def test_bad_environment_value_stops_the_start_and_is_named(tmp_path, name, text):
    with pytest.raises(ConfigurationError, match=name):
        build(tmp_path, {name: text})


def test_all_bad_values_are_reported_at_once_with_what_they_should_be(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        build(tmp_path, {"PORT": "99999", "MODE": "x"}, "RATIO=2", {"VERBOSE": "perhaps"})
    text = caught.value.message
    assert all(name in text for name in ("PORT", "MODE", "RATIO", "VERBOSE"))
    assert "1 到 65535" in text
    assert "hybrid, direct" in text
    assert ".env" in text
    assert "system_settings.json" in text


def test_bad_secret_is_not_shown_in_the_message(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        build(tmp_path, {"REDIS_URL": "http://:hunter2@h"})
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize("value", [True, 1.5, [], {}, "x"])
def test_wrong_type_in_the_file_is_refused(tmp_path, value):
    with pytest.raises(ConfigurationError, match="PORT"):
        build(tmp_path, file={"PORT": value})


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"PORT": 1,}', "[" * 100_000])
def test_corrupt_file_is_a_clear_error_naming_the_file(tmp_path, content):
    with pytest.raises(ConfigurationError, match=r"system_settings\.json"):
        build(tmp_path, file=content)


def test_file_that_is_not_utf8_is_a_clear_error(tmp_path):
    path = tmp_path / "s.json"
    path.write_bytes(b"\xff\xfe{}")
    with pytest.raises(ConfigurationError, match=r"s\.json"):
        ConfigService(ROWS, environ={}, dotenv_path=None, settings_path=path)


def test_unknown_name_raises_and_suggests(tmp_path):
    settings = build(tmp_path)
    with pytest.raises(UnknownSettingError, match="PORT"):
        settings.get("PROT", 5)
    for call in (settings.explain, settings.is_set, settings.get_section):
        with pytest.raises(KeyError):
            call("nothing_like_it")
    with pytest.raises(KeyError):
        settings.set("NEW", 1)


def test_default_is_for_an_unset_setting_only(tmp_path):
    settings = build(tmp_path)
    assert settings.get("REDIS_PASSWORD") is None
    assert settings.get("REDIS_PASSWORD", "none") == "none"
    assert settings.get("PORT", 1) == 8084


def test_unknown_names_in_the_file_are_kept_and_reported(tmp_path, caplog):
    settings = build(tmp_path, file={"OLD_NAME": 1})
    assert settings.unknown_names == ("OLD_NAME",)
    assert "OLD_NAME" in caplog.text
    settings.set("PORT", 9)
    assert json.loads((tmp_path / "data/system_settings.json").read_text()) == {"OLD_NAME": 1, "PORT": 9}


def test_unknown_environment_variables_are_ignored(tmp_path):
    assert build(tmp_path, {"PATH": "/bin", "WHATEVER": "\x00"}).unknown_names == ()


def test_dotenv_values_are_taken_to_the_letter(tmp_path):
    settings = build(tmp_path, dotenv="API_KEY='a${HOME}#b'\nHOST=h # comment\nPORT\n")
    assert settings.get("API_KEY") == "a${HOME}#b"
    assert settings.get("HOST") == "h"


def test_set_writes_the_file_and_takes_effect(tmp_path):
    settings = build(tmp_path)
    assert settings.set("PORT", "99").value == "99"
    settings.set("FORBIDDEN", ("X",))
    assert build(tmp_path).get("PORT") == 99
    assert build(tmp_path).get("FORBIDDEN") == ("X",)
    settings.set("PORT", None)
    assert settings.get("PORT") == 8084


def test_settings_file_is_readable_by_its_owner_only(tmp_path):
    build(tmp_path).set("API_KEY", "sk-123456789")
    for path in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_set_refuses_what_the_row_refuses_and_writes_nothing(tmp_path):
    settings = build(tmp_path)
    for name, value in (("PORT", 0), ("MODE", "x"), ("DATA_DIR", "/tmp/x"), ("PORT", True)):
        with pytest.raises(ConfigurationError, match=name):
            settings.set(name, value)
    assert not (tmp_path / "data/system_settings.json").exists()


def test_set_does_not_overwrite_a_corrupt_file(tmp_path):
    settings = build(tmp_path, file={})
    path = tmp_path / "data/system_settings.json"
    path.write_text("{torn")
    with pytest.raises(ConfigurationError):
        settings.set("PORT", 9)
    assert path.read_text() == "{torn"
    assert settings.get("PORT") == 8084


def test_shadowed_value_is_reported(tmp_path, caplog):
    settings = build(tmp_path, {"PORT": "7"})
    explanation = settings.set("PORT", 9)
    assert (explanation.value, explanation.source, explanation.is_shadowed) == ("7", "environment", True)
    assert "PORT" in caplog.text


def test_data_dir_in_the_file_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="DATA_DIR"):
        build(tmp_path, file={"DATA_DIR": "/elsewhere"})


def test_reload_swaps_all_values_and_keeps_the_old_ones_on_an_error(tmp_path):
    environ = {"PORT": "1"}
    settings = build(tmp_path, environ)
    environ.update(PORT="2", HOST="h")
    assert (settings.get("PORT"), settings.get("HOST")) == (1, "127.0.0.9")
    settings.reload()
    assert (settings.get("PORT"), settings.get("HOST")) == (2, "h")
    environ.update(PORT="bad", HOST="other")
    with pytest.raises(ConfigurationError):
        settings.reload()
    assert (settings.get("PORT"), settings.get("HOST")) == (2, "h")


def test_secrets_are_masked_in_explanations_and_reprs(tmp_path):
    environ = {"API_KEY": "hunter2-key", "REDIS_URL": "redis://u:hunter2@h:1/0", "REDIS_PASSWORD": "hunter2"}
    settings = build(tmp_path, environ)
    assert settings.explain("API_KEY").value == "***"
    assert settings.explain("REDIS_URL").value == "redis://u:***@h:1/0"
    shown = [settings, vars(settings)["_snapshot"], *map(settings.get_section, ("model", "stores"))]
    shown += [settings.explain(row.name) for row in ROWS]
    assert "hunter2" not in f"{shown!r} {shown!s} {settings.get_section('stores')}"
    assert settings.get_section("stores")["REDIS_PASSWORD"] == "hunter2"
    assert set(settings.secret_values()) == {"hunter2-key", "hunter2"}


def test_two_rows_of_one_name_are_refused(tmp_path):
    with pytest.raises(ValueError, match="PORT"):
        ConfigService((*ROWS, ROWS[1]), environ={}, dotenv_path=None, settings_path=tmp_path / "s")


def test_row_whose_default_breaks_its_own_limits_is_refused():
    with pytest.raises(ValueError, match="不大于 65535"):
        Setting("BAD", int, 70000, "Bad.", "server", maximum=65535)


def _write_many(path: str, name: str, count: int, together) -> None:
    settings = ConfigService(ROWS, environ={}, dotenv_path=None, settings_path=Path(path))
    together.wait()
    for number in range(1, count + 1):
        settings.set(name, number)


def test_two_processes_writing_at_once_never_tear_or_lose(tmp_path):
    path, count = tmp_path / "system_settings.json", 100
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(2)
    names = ("PORT", "REQUEST_TIMEOUT")
    writers = [context.Process(target=_write_many, args=(str(path), name, count, together)) for name in names]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if path.exists():
            assert isinstance(json.loads(path.read_text()), dict)
        time.sleep(0.001)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert json.loads(path.read_text()) == {"PORT": count, "REQUEST_TIMEOUT": count}
    assert not list(tmp_path.glob("*.tmp"))


def test_leftover_of_a_killed_writer_does_not_matter(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data/system_settings.json.tmp").write_text("{half")
    assert build(tmp_path).set("PORT", 9).value == "9"


def test_file_where_the_folder_should_be_is_a_clear_error(tmp_path):
    settings = build(tmp_path)
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigurationError, match=r"system_settings\.json"):
        settings.set("PORT", 9)
