"""The kinds of file that can be uploaded: their extensions, what they must contain, and the records in them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from common.messages import training_data as texts
from features.training_data.decoding import FileRefusedError
from features.training_data.splitting import labelled_pairs, sections, statements

Fields = Mapping[str, Any]


@dataclass(frozen=True)
class FileType:
    """One kind of file. `read` gives the fields of each record, unchecked; "" among `extensions` allows none."""

    extensions: tuple[str, ...]
    read: Callable[[str], list[Fields]]

    @property
    def supported(self) -> str:
        """The extensions in words."""
        listed = ", ".join(extension for extension in self.extensions if extension)
        return listed + (texts.OR_NO_EXTENSION if "" in self.extensions else "")


def _read_ddl(text: str) -> list[Fields]:
    if not re.search(r"\bcreate\b", text, re.IGNORECASE):
        raise FileRefusedError(texts.DDL_WITHOUT_CREATE)
    return [{"training_data_type": "ddl", "ddl": piece} for piece in statements(text)]


def _read_markdown(text: str) -> list[Fields]:
    if "##" not in text:
        raise FileRefusedError(texts.MARKDOWN_WITHOUT_HEADING)
    return [{"training_data_type": "documentation", "content": section} for section in sections(text)]


def _read_json_pairs(text: str) -> list[Fields]:
    try:
        listed = json.loads(text, object_pairs_hook=_lower_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise FileRefusedError(texts.JSON_WRONG.format(reason=texts.JSON_MALFORMED)) from None
    if not isinstance(listed, list) or not listed:
        raise FileRefusedError(texts.JSON_WRONG.format(reason=texts.JSON_NOT_LIST))
    if not all(isinstance(one, dict) for one in listed):
        raise FileRefusedError(texts.JSON_WRONG.format(reason=texts.JSON_NOT_OBJECTS))
    if not all("question" in one and "sql" in one for one in listed):
        raise FileRefusedError(texts.JSON_WRONG.format(reason=texts.JSON_WITHOUT_FIELDS))
    return [_pair(one["question"], one["sql"]) for one in listed]


def _lower_keys(members: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for key, value in members:
        name = key.strip().lower()
        if name in fields:
            raise FileRefusedError(texts.JSON_WRONG.format(reason=texts.JSON_KEY_TWICE))
        fields[name] = value
    return fields


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are no JSON")


def _read_labelled_pairs(text: str) -> list[Fields]:
    if not re.search(r"question\s*[:\uff1a]", text, re.IGNORECASE):
        raise FileRefusedError(texts.PAIRS_WITHOUT_QUESTION)
    if not re.search(r"sql\s*[:\uff1a]", text, re.IGNORECASE):
        raise FileRefusedError(texts.PAIRS_WITHOUT_SQL)
    return [_pair(question, sql) for question, sql in labelled_pairs(text)]


def _read_statements(text: str) -> list[Fields]:
    if ";" not in text:
        raise FileRefusedError(texts.SQL_WITHOUT_SEMICOLON)
    return [{"training_data_type": "sql", "sql": piece} for piece in statements(text)]


def _pair(question: Any, sql: Any) -> Fields:
    return {"training_data_type": "sql", "question": question, "sql": sql}


FILE_TYPES: Final[Mapping[str, FileType]] = {
    "ddl": FileType(("ddl", "sql", "txt", ""), _read_ddl),
    "markdown": FileType(("md", "markdown"), _read_markdown),
    "sql_pair_json": FileType(("json", "txt", ""), _read_json_pairs),
    "sql_pair": FileType(("sql", "txt", ""), _read_labelled_pairs),
    "sql": FileType(("sql", "txt", ""), _read_statements),
}


def plain_name(filename: str) -> str:
    """What a file is called on the wire: its last path part without control characters.

    It is shown, never used as a path.
    """
    last = re.split(r"[/\\]", filename)[-1]
    return "".join(character for character in last if character.isprintable()).strip()


def extension_of(name: str) -> str:
    """The extension in lower case, empty when there is none."""
    return name.rpartition(".")[2].lower() if "." in name else ""
