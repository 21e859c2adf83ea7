"""An uploaded file's bytes as text: UTF-8, UTF-16, UTF-32 and Chinese code pages; anything else is refused."""

from __future__ import annotations

import codecs
import re
from typing import Final

from charset_normalizer import from_bytes

from common.messages import training_data as texts

_MARKS: Final = (  # UTF-32's little-endian mark begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CODE_PAGES: Final = ["gb18030", "big5"]
_NOT_TEXT: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_STRANGE: Final = re.compile("[\ue000-\uf8ff\ufffd]|[^\x00-\uffff]")
_CHINESE: Final = re.compile(r"[\u4e00-\u9fff]")
_MOST_STRANGE: Final = 0.1


class FileRefusedError(Exception):
    """A file that cannot be taken; `text` is for who uploaded it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def decode_text(data: bytes) -> str:
    """The text with line feeds as line ends.

    Raises:
        FileRefusedError: no text, of no known encoding, or with control characters.
    """
    text = _decoded(data).lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if _NOT_TEXT.search(text):
        raise FileRefusedError(texts.CONTENT_NOT_STORABLE)
    return text


def _decoded(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strictly(data, encoding)
    wide = _wide_encoding(data)
    if wide:
        return _strictly(data, wide)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _from_code_page(data)


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeError:
        raise FileRefusedError(texts.CONTENT_NOT_TEXT) from None


def _wide_encoding(data: bytes) -> str:
    """UTF-16 without a byte order mark, recognised by the zero bytes of ASCII characters; empty when it is not."""
    if len(data) < 4 or len(data) % 2 or b"\0" not in data:
        return ""
    characters = len(data) // 2
    first_zeros, second_zeros = data[0::2].count(0), data[1::2].count(0)
    if second_zeros * 5 > characters and not first_zeros:
        return "utf-16-le"
    return "utf-16-be" if first_zeros * 5 > characters and not second_zeros else ""


def _from_code_page(data: bytes) -> str:
    best = from_bytes(data, cp_isolation=_CODE_PAGES, enable_fallback=False).best()
    candidates = [best.encoding] if best is not None else []
    for encoding in [*candidates, *_CODE_PAGES]:
        try:
            text = data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
        if _CHINESE.search(text) and len(_STRANGE.findall(text)) <= len(text) * _MOST_STRANGE:
            return text
    raise FileRefusedError(texts.CONTENT_NOT_TEXT)
