"""Secrets are hidden in whatever shape they turn up, and ordinary text stays."""

from __future__ import annotations

import pytest

from common.secret_masking import KnownSecrets, MaskedDict, mask_secret, mask_text


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user:hunter2@host/db",
        "redis://:hunter2@host:6379/0",
        "redis://:a@hunter2:b/c@host/0",
        "Authorization: Bearer hunter2-token",
        "{'Authorization': 'Basic hunter2=='}",
        "bearer hunter2hunter2",
        "key sk-hunter2hunter2",
        "api_key=hunter2",
        "QWEN_API_KEY: hunter2",
        '{"password": "hunter2 and \\" more hunter2"}',
        '{\\"api_key\\": \\"hunter2\\"}',
        "host=h password='hunter2 hunter2' dbname=d",
        "http://h/?token=hunter2&a=1",
        "密码：hunter2",
        "PGPASSWORD=hunter2",
        "password='hunter2",
    ],
)
def test_secret_is_hidden(text):
    assert "hunter2" not in mask_text(text)


@pytest.mark.parametrize(
    "text",
    ["max_tokens=4096", "total_tokens: 17", "http://127.0.0.1:8084/health", "去年各省的销售额", "basic authentication"],
)
def test_ordinary_text_stays(text):
    assert mask_text(text) == text


def test_known_secret_is_hidden_wherever_it_stands():
    masked = KnownSecrets(["correct-horse", "short"]).mask("the word is correct-horse, short")
    assert masked == "the word is ***, short"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""),
        (None, ""),
        ("abc", "***"),
        ("redis://h:1/0", "redis://h:1/0"),
        ("redis://:p@h:1", "redis://:***@h:1"),
        ("redis://:p p@h", "***"),
        ("postgresql://token@h/d", "***"),
    ],
)
def test_secret_setting_is_shown_without_its_secret(value, shown):
    assert mask_secret(value) == shown


def test_masked_dict_gives_the_secret_and_hides_it_in_text():
    config = MaskedDict({"api_key": "hunter2", "url": "redis://:hunter2@h", "x": 1})
    assert config["api_key"] == "hunter2"
    assert "hunter2" not in f"{config} {config!r}"
