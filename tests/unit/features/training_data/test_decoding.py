"""Files of the encodings that Chinese offices write; what is no text is refused."""

import pytest

from features.training_data.decoding import FileRefusedError, decode_text
from features.training_data.uploads import extension_of, plain_name

TEXT = "create table 服务区 (\n  id int -- 编号，主键\n);\n"


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "big5", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_text_of_any_usual_encoding_is_read(encoding: str) -> None:
    text = TEXT if encoding != "big5" else "create table 服務區 (\n  id int -- 編號，主鍵\n);\n" * 5
    assert decode_text(text.replace("\n", "\r\n").encode(encoding)) == text


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04" + bytes(range(256)),
        b"\x89PNG\r\n\x1a\n\x00\x00",
        b"\x7fELF\x02\x01\x01\x00" * 9,
        b"\xff\xfe\x00",
        b"create table \x00 t",
        b"\xff\xff\xff\xff",
        b"\xc3\x28\xa0\xa1",
        b"create \x1b[31m",
        b"\xed\xa0\x80 create",
        b"\xff\xfe\x00\xd8a\x00",
    ],
)
def test_what_is_no_text_is_refused(data: bytes) -> None:
    with pytest.raises(FileRefusedError):
        decode_text(data)


def test_names_are_shown_and_never_paths() -> None:
    assert plain_name("../../etc/训练.md") == "训练.md"
    assert plain_name("C:\\temp\\a\0b.SQL") == "ab.SQL"
    assert (extension_of("训练.MD"), extension_of("noext"), extension_of(".sql"), extension_of("a.")) == (
        "md",
        "",
        "sql",
        "",
    )
