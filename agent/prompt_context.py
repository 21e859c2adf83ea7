"""Chooses what of a schema, of trained records and of rows goes into a prompt, most relevant first, within a size.

Used by `agent.model_brain`. Sizes are characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from common.answering import ResultSet, SqlRequest, TrainedPair
from common.business_schema import BusinessSchema, Column, Table

_SHOWN_VALUES: Final = 20
_VALUE_CHARS: Final = 40
_NAMED_IN_EXAMPLE: Final = 100
_SHARES: Final = {"pairs": 0.2, "schema": 0.45, "ddl": 0.15, "documentation": 0.15, "wrong": 0.05}


@dataclass(frozen=True)
class PromptLimits:
    """Caps of a prompt's variable parts."""

    material_chars: int = 24_000
    summary_rows: int = 50
    summary_chars: int = 8_000
    cell_chars: int = 200


@dataclass(frozen=True)
class Material:
    """What fits: `text` goes into the instructions, `pairs` become turns, best last, next to the question."""

    text: str
    pairs: tuple[TrainedPair, ...]


def choose_material(request: SqlRequest, limits: PromptLimits) -> Material:
    """Fill the shares one after the other; what one leaves over goes to the next."""
    total, spare = limits.material_chars, 0

    def fit(part: str, texts: Iterable[str]) -> list[str]:
        nonlocal spare
        chosen, spare = _fitting(texts, int(total * _SHARES[part]) + spare)
        return chosen

    ranked = sorted(request.pairs, key=lambda pair: pair.score, reverse=True)
    pair_count = len(fit("pairs", (f"{pair.question}{pair.sql}" for pair in ranked)))
    sections = [
        ("TABLES", fit("schema", (table_text(table) for table in rank_tables(request)))),
        ("DDL", fit("ddl", request.ddl)),
        ("DOCUMENTATION", fit("documentation", request.documentation)),
        ("WRONG EXAMPLES", fit("wrong", (f"Q: {pair.question}\n{pair.sql}" for pair in request.wrong_pairs))),
    ]
    text = "\n\n".join(f"[{title}]\n" + "\n\n".join(texts) for title, texts in sections if texts)
    return Material(text, tuple(reversed(ranked[:pair_count])))


def rank_tables(request: SqlRequest) -> list[Table]:
    """Tables by how much of the question's wording they share; those used by similar questions come first."""
    wanted = _bigrams(f"{request.context} {request.question}")
    examples = " ".join(pair.sql for pair in request.pairs)
    named = set(re.findall(r"\w+", examples.lower()))

    def score(table: Table) -> int:
        return len(wanted & _bigrams(table_text(table))) + _NAMED_IN_EXAMPLE * (table.name.lower() in named)

    return sorted(request.schema.tables, key=score, reverse=True)


def table_text(table: Table) -> str:
    """One table, a line for each column."""
    head = f"{table.name}（{table.comment}）" if table.comment else table.name
    return "\n".join([head, *(_column_text(column) for column in table)])


def table_list(schema: BusinessSchema, limit: int) -> str:
    """Names and comments of tables and columns without types, for deciding what the database is about."""
    lines = (
        f"{table.name}（{table.comment}）：" + "、".join(column.comment or column.name for column in table)
        for table in schema.tables
    )
    return "\n".join(_fitting(lines, limit)[0])


def markdown_table(result: ResultSet, limits: PromptLimits) -> tuple[str, int]:
    """The first rows as a Markdown table, and how many of them fitted."""
    head = [_row(result.columns, limits), "|" + " --- |" * len(result.columns)]
    rows = (_row([row.get(name) for name in result.columns], limits) for row in result.rows[: limits.summary_rows])
    chosen, _ = _fitting(rows, limits.summary_chars)
    return "\n".join([*head, *chosen]), len(chosen)


def _row(cells: Iterable[object], limits: PromptLimits) -> str:
    texts = ("" if cell is None else str(cell) for cell in cells)
    return "| " + " | ".join(_cell(text, limits.cell_chars) for text in texts) + " |"


def _cell(text: str, limit: int) -> str:
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return re.sub(r"\s+", " ", short).replace("|", "\\|")


def _column_text(column: Column) -> str:
    line = f"  {column.name} {column.data_type}"
    notes = [note for note in ("PRIMARY KEY" if column.is_primary_key else "", column.comment) if note]
    if column.values:
        shown = "、".join(value[:_VALUE_CHARS] for value in column.values[:_SHOWN_VALUES])
        notes.append(f"VALUES: {shown}" + ("、…" if len(column.values) > _SHOWN_VALUES else ""))
    return f"{line} -- {'；'.join(notes)}" if notes else line


def _bigrams(text: str) -> set[str]:
    return {
        word[start : start + 2]
        for word in re.findall(r"\w{2,}", text.lower())
        for start in range(len(word) - 1)
        if not word[start : start + 2].isdigit()
    }


def _fitting(texts: Iterable[str], limit: int) -> tuple[list[str], int]:
    """The leading texts that fit into `limit`, and what they leave of it; a first one that is too long is cut."""
    chosen: list[str] = []
    for text in texts:
        if len(text) > limit:
            if not chosen and limit > 0:
                return [text[:limit]], 0
            break
        chosen.append(text)
        limit -= len(text) + 1
    return chosen, max(0, limit)
