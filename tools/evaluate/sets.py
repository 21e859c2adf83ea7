"""Evaluation sets: a folder with `pairs.json` and, unless it asks the demo database, `schema.sql`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

PROJECT: Final = Path(__file__).resolve().parents[2]
STANDARD_FOLDER: Final = PROJECT.parent / "shared" / "data" / "eval"
OWN_FOLDER: Final = Path(__file__).parent / "sets"


class SetNotFoundError(Exception):
    """No folder of this name holds a `pairs.json`."""


@dataclass(frozen=True)
class Pair:
    """A question and the statements accepted for it; `references` is None when the data cannot answer it.

    `before` is what was said earlier in the same conversation.
    """

    question: str
    references: tuple[str, ...] | None
    category: str = ""
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluationSet:
    """Questions about one database.

    `schema` is the script that makes and fills it; None means the demo database, unless `database_url` names one that
    is there, to be read as whom the URL names. `settings` are those of the service that the set needs, such as the
    schemas it may read; a folder has them in `settings.json`.
    """

    name: str
    pairs: tuple[Pair, ...]
    schema: str | None
    columns_file: Path | None = None
    database_url: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema_hash(self) -> str:
        """Changes when the database has to be built anew."""
        return hashlib.sha256((self.schema or "").encode()).hexdigest()[:16]


def find_sets(names: Sequence[str], *, limit: int | None = None) -> list[EvaluationSet]:
    """The sets that names or paths stand for; a name also stands for every set called `name_…`.

    Raises:
        SetNotFoundError: a name stands for none.
    """
    return [read_set(folder, limit=limit) for name in names for folder in _folders(name)]


def _folders(name: str) -> list[Path]:
    for parent in (Path(), STANDARD_FOLDER, OWN_FOLDER):
        if (parent / name / "pairs.json").is_file():
            return [parent / name]
        if several := sorted(path.parent for path in parent.glob(f"{name}_*/pairs.json")):
            return several
    raise SetNotFoundError(f"no set {name}: neither a folder with pairs.json nor one below {STANDARD_FOLDER}")


def read_set(folder: Path, *, limit: int | None = None) -> EvaluationSet:
    """Read a set's folder.

    Raises:
        OSError, ValueError, KeyError: `pairs.json` is missing, is no JSON or lacks a question.
    """
    entries = json.loads((folder / "pairs.json").read_text(encoding="utf-8"))
    schema = folder / "schema.sql"
    columns = folder / "columns.json"
    settings = folder / "settings.json"
    return EvaluationSet(
        name=folder.resolve().name,
        pairs=tuple(_pair(entry) for entry in entries[:limit]),
        schema=schema.read_text(encoding="utf-8") if schema.is_file() else None,
        columns_file=columns if columns.is_file() else None,
        settings=json.loads(settings.read_text(encoding="utf-8")) if settings.is_file() else {},
    )


def _pair(entry: dict[str, object]) -> Pair:
    sql = entry.get("sql")
    references = None if sql is None else (sql,) if isinstance(sql, str) else tuple(map(str, sql))  # type: ignore[call-overload]
    before = tuple(map(str, entry.get("before") or ()))  # type: ignore[call-overload]
    return Pair(str(entry["question"]), references, str(entry.get("category") or ""), before)
