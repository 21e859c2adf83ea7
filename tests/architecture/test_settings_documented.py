"""The generated settings documents equal what the table says, and every row that claims an effect is read."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest
from dotenv import dotenv_values

import app_config
from scripts.generate_docs import env_example, main, outdated, settings_documents

READERS = (
    "agent",
    "bootstrap",
    "channels",
    "common",
    "core",
    "data_pipeline",
    "features",
    "monitoring",
    "react_agent",
    "serving",
    "web",
)
ENTRIES = ("asgi_app.py", "unified_api.py")


def test_settings_documents_are_up_to_date():
    assert outdated(settings_documents(), app_config.ROOT) == [], "run: python -m scripts.generate_docs settings"


def test_check_notices_an_outdated_document(tmp_path, monkeypatch):
    monkeypatch.setattr(app_config, "ROOT", tmp_path)
    assert main(["settings", "--check"]) == 1
    assert main(["settings"]) == 0
    assert main(["settings", "--check"]) == 0


@pytest.mark.parametrize("row", app_config.rows(), ids=lambda row: row.name)
def test_row_explains_itself(row):
    assert re.fullmatch(r"[A-Z][A-Z0-9_]*", row.name)
    assert row.help.endswith(".")
    assert not (row.secret and row.default), "a secret has no default"


def test_example_file_uncommented_is_the_table(tmp_path):
    text = env_example(app_config.rows())
    path = tmp_path / ".env"
    path.write_text(re.sub(r"^#(?=[A-Z0-9_]+=)", "", text, flags=re.MULTILINE), encoding="utf-8")
    found = dotenv_values(path, interpolate=False)
    assert set(found) == {row.name for row in app_config.rows()}
    for row in app_config.rows():
        assert not found[row.name] or row.parse(found[row.name]) == row.default, row.name


def texts_in(source: str) -> Iterator[str]:
    """Regular expressions of every string literal; what an f-string fills in may be any name part."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield re.escape(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield "".join(
                re.escape(part.value) if isinstance(part, ast.Constant) else "[A-Z_]+" for part in node.values
            )


def test_every_effective_setting_is_read_somewhere():
    sources = [path for folder in READERS for path in (app_config.ROOT / folder).rglob("*.py")]
    sources += [app_config.ROOT / name for name in ENTRIES if (app_config.ROOT / name).exists()]
    sources = [path for path in sources if path.name != "config.py"]  # there the rows are declared
    texts = {
        text for path in sources for text in texts_in(path.read_text(encoding="utf-8")) if re.search("[A-Z]{2}", text)
    }
    read = re.compile("|".join(texts))
    unread = [row.name for row in app_config.rows() if row.is_effective and not read.fullmatch(row.name)]
    assert unread == [], "read them, or mark the rows is_effective=False"
