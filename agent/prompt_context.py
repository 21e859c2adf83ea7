"""Chooses what of a schema, of trained records and of rows goes into a prompt, most relevant first, within a size.

Used by `agent.model_brain`. Sizes are tokens as `core.llm.token_estimate` has them: four ASCII characters or one other
make one, which is rather too many than too few for Chinese.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import chain, islice
from typing import Final

from agent.schema_ranking import SchemaRankings
from agent.table_texts import TableWriter, head_of, name_lines
from common.answering import ResultSet, SqlRequest, TrainedPair
from common.business_schema import BusinessSchema, Table
from core.llm.token_estimate import cut_to_tokens, estimated_tokens
from core.prompt_values import PromptValues
from core.vector_store.lexical import MAX_BIGRAMS, bigrams

_WHOLE_TABLES_SHARE: Final = 0.7
_SAID_SHARE: Final = 0.9
_REMEMBERED_TEXTS: Final = 256
_DDL_WORDS: Final = frozenset(
    re.findall(
        r"\w+",
        "create table if not exists null primary key unique references foreign constraint default comment on column is"
        " public varchar char character varying text integer int bigint smallint numeric decimal double precision real"
        " date timestamp timestamptz without with time zone boolean json jsonb",
    )
)
_SHARES: Final = {"pairs": 0.2, "schema": 0.45, "ddl": 0.15, "documentation": 0.15, "wrong": 0.05}


@dataclass(frozen=True)
class PromptLimits:
    """Caps of a prompt's variable parts, in tokens, rows and characters."""

    material_tokens: int = 8_000
    table_list_tokens: int = 3_000
    context_tokens: int = 2_000
    summary_rows: int = 50
    summary_tokens: int = 3_000
    cell_chars: int = 200


@dataclass(frozen=True)
class Material:
    """What fits: `text` goes into the instructions, `pairs` become turns, best last, next to the question.

    `record_ids` are those of all trained records that are part of it.
    """

    text: str
    pairs: tuple[TrainedPair, ...]
    record_ids: tuple[str, ...]


class PromptMaterial:
    """Puts the material for SQL together; keeps what it learned of a schema. Threads share it.

    Args:
        values: which columns' stored values may be part of it.
    """

    def __init__(self, limits: PromptLimits, values: PromptValues | None = None) -> None:
        self._limits = limits
        self._values = values or PromptValues()
        self._rankings = SchemaRankings(self._values)

    def choose(self, request: SqlRequest) -> Material:
        """Fill the shares one after the other; what one leaves over goes to the next."""
        total, spare = self._limits.material_tokens, 0

        def fit(part: str, texts: Iterable[str]) -> list[str]:
            nonlocal spare
            chosen, spare = _fitting(texts, int(total * _SHARES[part]) + spare)
            return chosen

        ranked = sorted(request.pairs, key=lambda pair: pair.score, reverse=True)
        pairs = ranked[: len(fit("pairs", (f"{pair.question}{pair.sql}" for pair in ranked)))]
        schema = self._schema(request, int(total * _SHARES["schema"]) + spare)
        spare = max(0, int(total * _SHARES["schema"]) + spare - estimated_tokens(schema))
        said = _words_of_parts(schema) if request.ddl else frozenset()
        ddl = fit("ddl", [text for text in request.ddl if not _is_said_in(said, text)])
        documentation = fit("documentation", request.documentation)
        wrong = [f"Q: {pair.question}\n{pair.sql}" for pair in request.wrong_pairs]
        sections = [
            ("TABLES", [schema]),
            ("DDL", ddl),
            ("DOCUMENTATION", documentation),
            ("WRONG EXAMPLES", shown_wrong := fit("wrong", wrong)),
        ]
        text = "\n\n".join(f"[{title}]\n" + "\n\n".join(texts) for title, texts in sections if any(texts))
        ids = [pair.record_id for pair in (*reversed(pairs), *request.wrong_pairs[: len(shown_wrong)])]
        ids += [request.record_ids.get(content, "") for content in (*ddl, *documentation)]
        return Material(text, tuple(reversed(pairs)), tuple(filter(None, ids)))

    def ranked(self, question: str, context: str, schema: BusinessSchema) -> tuple[Table, ...]:
        """All tables, those the question speaks of first."""
        return self._rankings.of(schema).rank(SqlRequest(question, context, schema, date.min)).tables

    def _schema(self, request: SqlRequest, limit: int) -> str:
        """Tables whole, then with their relevant columns only, then their joins, within `limit` tokens."""
        ranking = self._rankings.of(request.schema)
        found = ranking.rank(request)
        writer = TableWriter(found, ranking)
        whole, left = _fitting(map(writer.whole, found.tables), int(limit * _WHOLE_TABLES_SHARE))
        rest = found.tables[len(whole) :]
        left += limit - int(limit * _WHOLE_TABLES_SHARE)
        named = [table for table in rest if found.scores.get(table.name)]
        parts, left = _fitting(map(writer.part, named), int(left * 0.7))
        shown = [*found.tables[: len(whole)], *named[: len(parts)]]
        texts = [*whole, *parts, *filter(None, [writer.shared(shown)])]
        joins = [
            f"{join.table}.{join.column} = {join.target}.{join.target_column}"
            for join in ranking.joins_among(table.name for table in shown)
        ]
        lines, _ = _fitting(joins, limit - sum(map(estimated_tokens, texts)) - 16)
        return "\n\n".join([*texts, "JOINS:\n" + "\n".join(lines)] if lines else texts)


def table_list(tables: Sequence[Table], limit: int) -> str:
    """Names and comments of tables and columns without types, for deciding what the database is about.

    Tables without their columns when those of all tables do not fit.
    """
    lines = name_lines(tables)
    if sum(map(estimated_tokens, lines)) > limit:
        lines = [head_of(table) for table in tables]
    return "\n".join(_fitting(lines, limit)[0])


def latest_context(context: str, limit: int) -> str:
    """The end of earlier turns that fits, since the last ones matter most; a cut line begins with an ellipsis."""
    if estimated_tokens(context) <= limit:
        return context
    return "…" + cut_to_tokens(context[::-1], limit)[::-1]


def markdown_table(result: ResultSet, limits: PromptLimits) -> tuple[str, int]:
    """The first rows as a Markdown table, and how many of them fitted."""
    head = [_row(result.columns, limits), "|" + " --- |" * len(result.columns)]
    rows = (_row([row.get(name) for name in result.columns], limits) for row in result.rows[: limits.summary_rows])
    chosen, _ = _fitting(rows, limits.summary_tokens)
    return "\n".join([*head, *chosen]), len(chosen)


def _row(cells: Iterable[object], limits: PromptLimits) -> str:
    texts = ("" if cell is None else str(cell) for cell in cells)
    return "| " + " | ".join(_cell(text, limits.cell_chars) for text in texts) + " |"


def _cell(text: str, limit: int) -> str:
    short = text if len(text) <= limit else text[: limit - 1] + "…"
    return re.sub(r"\s+", " ", short).replace("|", "\\|")


def _is_said_in(said: frozenset[str], ddl: str) -> bool:
    """Whether a trained DDL text has hardly any words besides those of the tables' texts."""
    words = _telling_words(ddl)
    return len(words & said) >= _SAID_SHARE * len(words)


@lru_cache(_REMEMBERED_TEXTS)
def _telling_words(ddl: str) -> frozenset[str]:
    """The words of a trained DDL text besides those of the language and numbers."""
    return frozenset(word for word in bigrams(ddl) if word not in _DDL_WORDS and not word.isdigit())


def _words_of_parts(text: str) -> frozenset[str]:
    """The bigrams of the whole text. No word reaches over an empty line, so each part is read by itself and once."""
    ordered = dict.fromkeys(chain.from_iterable(map(_words, text.split("\n\n"))))
    return frozenset(islice(ordered, MAX_BIGRAMS))


@lru_cache(_REMEMBERED_TEXTS)
def _words(text: str) -> tuple[str, ...]:
    """The bigrams of a table's text, which is the same for most questions."""
    return tuple(bigrams(text))


def _fitting(texts: Iterable[str], limit: int) -> tuple[list[str], int]:
    """The leading texts that fit into `limit` tokens, and what they leave; a first one that is too long is cut."""
    chosen: list[str] = []
    for text in texts:
        size = estimated_tokens(text) + 1
        if size > limit:
            if not chosen and limit > 0:
                return [cut_to_tokens(text, limit)], 0
            break
        chosen.append(text)
        limit -= size
    return chosen, max(0, limit)
