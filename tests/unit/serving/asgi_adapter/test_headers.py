"""Header values outside ASCII: readable for browsers, never a 500."""

from __future__ import annotations

from urllib.parse import unquote

import pytest

from serving.asgi_adapter.headers import encode_headers


def value_of(name: str, value: str) -> str:
    return encode_headers([(name, value)])[0][1].decode("latin-1")


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ('attachment; filename="报表.csv"', "报表.csv"),
        ("attachment; filename=报表.csv", "报表.csv"),
        ('attachment; filename="é.csv"', "é.csv"),
        ('attachment; filename="a\\"报.csv"', 'a"报.csv'),
        ('attachment; filename="' + "报表.csv".encode().decode("latin-1") + '"', "报表.csv"),
    ],
)
def test_filename_outside_ascii_is_written_after_rfc_5987(given: str, name: str) -> None:
    value = value_of("Content-Disposition", given)
    assert value.isascii()
    assert value.startswith("attachment; filename=")
    assert unquote(value.rpartition("filename*=UTF-8''")[2]) == name


def test_existing_extended_filename_is_kept_as_it_is() -> None:
    given = "attachment; filename=\"报.csv\"; filename*=UTF-8''%E6%8A%A5.csv"
    value = value_of("Content-Disposition", given)
    assert value.count("filename*=") == 1
    assert "filename*=UTF-8''%E6%8A%A5.csv" in value


def test_ascii_disposition_is_untouched() -> None:
    assert value_of("Content-Disposition", 'inline; filename="a b.csv"') == 'inline; filename="a b.csv"'


def test_other_values_are_latin_1_or_utf_8() -> None:
    assert encode_headers([("X-Name", "é")]) == [(b"x-name", b"\xe9")]
    assert encode_headers([("X-Name", "报")]) == [(b"x-name", "报".encode())]


def test_hop_by_hop_headers_stay_with_the_server() -> None:
    given = [("Transfer-Encoding", "chunked"), ("Keep-Alive", "5"), ("Connection", "close"), ("X-A", "1")]
    assert encode_headers(given) == [(b"connection", b"close"), (b"x-a", b"1")]


def test_repeated_headers_stay_repeated_and_in_order() -> None:
    given = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    assert encode_headers(given) == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]
