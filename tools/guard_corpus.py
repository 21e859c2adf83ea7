"""Legitimate statements as analysts write them, over schemas of different style; none of them may be refused.

`sql_guard_idioms.sql` holds one idiom a line with alternatives; here each is filled with the names of every schema in
`sql_guard_styles.json`. The guard's unit tests ask the guard about all of them, its integration tests have PostgreSQL
plan each.
"""

from __future__ import annotations

import itertools
import json
import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from core.sql_guard import GuardPolicy, RelationRule

IDIOMS: Final = Path(__file__).with_name("sql_guard_idioms.sql")
_STYLES: Final = Path(__file__).with_name("sql_guard_styles.json")
_SEED: Final = 20_260_101
_MOST_PER_IDIOM: Final = 7
_ALTERNATIVES: Final = re.compile("«(.*?)»")
_NAME: Final = re.compile(r"\{(\w+)\}")
_FACTS: Final = {
    "id": "bigint", "dim": "int", "day": "date", "at": "timestamptz", "amt": "numeric(12,2)", "qty": "int",
    "kind": "text", "note": "text", "ok": "boolean", "data": "jsonb", "del": "timestamp",
}  # fmt: skip
_HIERARCHY: Final = {
    "d_id": "int", "name": "text", "region": "text", "parent": "int", "opened": "date", "tags": "text[]",
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """How one schema names things. `words` maps the roles of an idiom to names, without their quotes."""

    name: str
    words: Mapping[str, str]
    schema: str = "public"
    is_quoted: bool = False
    is_qualified: bool = False

    def written(self, role: str) -> str:
        """The name as it stands in a statement."""
        name = self.words[role]
        quoted = f'"{name}"' if self.is_quoted or " " in name or "（" in name else name
        return f"{self.schema}.{quoted}" if self.is_qualified and role in ("F", "D") else quoted

    def definitions(self) -> list[str]:
        """The statements that make the schema's tables."""
        made = [] if self.schema == "public" else [f"CREATE SCHEMA {self.schema}"]
        for table, columns in (("F", _FACTS), ("D", _HIERARCHY)):
            items = ", ".join(f"{self.written(role)} {kind}" for role, kind in columns.items())
            name = self.written(table) if self.is_qualified else f"{self.schema}.{self.written(table)}"
            made.append(f"CREATE TABLE {name} ({items})")
        return made

    def policy(self) -> GuardPolicy:
        """A guard policy that admits the schema's tables."""
        fold = str if self.is_quoted else str.lower
        relations = tuple(
            RelationRule(self.schema, fold(self.words[table]), tuple(fold(self.words[role]) for role in columns))
            for table, columns in (("F", _FACTS), ("D", _HIERARCHY))
        )
        return GuardPolicy(relations=relations, search_path=(self.schema,))


STYLES: Final = tuple(Style(**style) for style in json.loads(_STYLES.read_text(encoding="utf-8")))


def statements(style: Style) -> Iterator[str]:
    """Every idiom in the names of `style`; of one with many alternatives a seeded choice."""
    choose = random.Random(f"{_SEED} {style.name}")  # noqa: S311 - to be repeatable
    for idiom in idioms():
        pieces = [piece.split("|||") for piece in _pieces(idiom)]
        variants = list(itertools.product(*pieces))
        for variant in choose.sample(variants, min(len(variants), _most(pieces))):
            yield _NAME.sub(lambda found: _word(found, style), "".join(variant)).strip()


def idioms() -> list[str]:
    """The lines of the idioms' file that are no comments."""
    lines = IDIOMS.read_text(encoding="utf-8").split("\n")
    return [line for line in lines if line.strip() and not line.startswith("--")]


def _most(pieces: list[list[str]]) -> int:
    return max(_MOST_PER_IDIOM, *(len(piece) for piece in pieces))


def _pieces(idiom: str) -> Iterator[str]:
    """Fixed text and alternatives in turn; the alternatives of one place are parted by `|||`."""
    end = 0
    for found in _ALTERNATIVES.finditer(idiom):
        yield idiom[end : found.start()]
        yield _parted(found.group(1))
        end = found.end()
    yield idiom[end:]


def _parted(alternatives: str) -> str:
    """A `|` parts alternatives unless it belongs to `||`, `?|` or stands in a literal."""
    parts, is_inside = [""], False
    for position, character in enumerate(alternatives):
        is_inside ^= character == "'"
        neighbours = alternatives[max(0, position - 1) : position] + alternatives[position + 1 : position + 2]
        is_mark = character == "|" and not is_inside and "?" not in neighbours[:1]
        if is_mark and not re.search(r"\|\|", alternatives[max(0, position - 1) : position + 2]):
            parts.append("")
        else:
            parts[-1] += character
    return "|||".join(parts)


def _word(found: re.Match[str], style: Style) -> str:
    return style.written(found.group(1)) if found.group(1) in style.words else found.group()


def corpus() -> Iterator[tuple[Style, str]]:
    """All statements, each once."""
    for style in STYLES:
        yield from ((style, statement) for statement in dict.fromkeys(statements(style)))
