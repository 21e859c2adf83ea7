"""Which names may reach the disk: ids of tasks and names of uploaded files. Everything else is refused, never repaired.

Rules of docs/contract/pipeline.md, and the ways around them: separators, absolute names, `..` in any Unicode
disguise, control and direction characters, hidden files, names Windows reserves.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

TASK_ID: Final = re.compile(r"[A-Za-z0-9_]{1,64}", re.ASCII)
BACKUPS: Final = "vector_bak"
"""The common folder of vector backups beside the tasks' folders (`core.vector_store.backup_folders`)."""

LONGEST_NAME_CHARS: Final = 255
LONGEST_NAME_BYTES: Final = 240
"""Linux allows 255; a backup's name is longer than the file's."""

_UNSAFE: Final = re.compile(r'[<>:"|?*/\\]')
_SEPARATORS: Final = frozenset("\u2044\u2215\u29f5\u29f8\u29f9\ufe68\uff0f\uff3c")
_RESERVED: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
_STRANGE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def is_task_id(text: object) -> bool:
    """Whether it may be the name of a task's folder; the common folder of vector backups is none."""
    return isinstance(text, str) and text != BACKUPS and TASK_ID.fullmatch(text) is not None


def is_safe_name(name: str) -> bool:
    """Whether a file of this name may be written into a task's folder, as far as characters go."""
    if not name or name.startswith((".", " ", "~")) or name.endswith((".", " ")):
        return False
    return all(_is_harmless(form) for form in {name, unicodedata.normalize("NFKC", name)})


def is_short_enough(name: str) -> bool:
    """Whether the name and a backup's name fit into a directory."""
    return len(name) <= LONGEST_NAME_CHARS and len(name.encode("utf-8", "surrogatepass")) <= LONGEST_NAME_BYTES


def is_plain_name(name: str) -> bool:
    """Whether the name can only mean a direct child of its folder; for reading, where any safe name may exist."""
    is_relative = bool(name) and name not in (".", "..") and not re.search(r"[/\\\x00-\x1f]", name)
    return is_relative and not any("\ud800" <= character <= "\udfff" for character in name)


def shown_name(name: str, limit: int = 100) -> str:
    """A refused name as an answer may repeat it: short, and without characters that disturb a terminal or a page."""
    harmless = "".join("?" if unicodedata.category(sign) in _STRANGE_CATEGORIES else sign for sign in name[:limit])
    return harmless if len(name) <= limit else f"{harmless}..."


def _is_harmless(name: str) -> bool:
    if ".." in name or _UNSAFE.search(name) or not _SEPARATORS.isdisjoint(name):
        return False
    if any(unicodedata.category(character) in _STRANGE_CATEGORIES for character in name):
        return False
    return _RESERVED.fullmatch(name.partition(".")[0].strip()) is None
