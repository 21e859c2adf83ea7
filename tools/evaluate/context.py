"""What a model would be shown: how many of the references' tables and columns stand in the prompt, at how many tokens.

No model is asked. This bounds how well one can answer: what is not in the prompt cannot be in its SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from agent.prompt_context import Material, PromptLimits, PromptMaterial
from bootstrap.agents import build_retrieval
from common.answering import Question
from common.business_schema import BusinessSchema
from common.tenant import DEFAULT_TENANT_NAME
from core.async_bridge import run_in_request_loop
from core.llm.token_estimate import estimated_tokens
from features.evaluation.figures import percentile
from tools.evaluate.asking import USER
from tools.evaluate.scene import Scene
from tools.evaluate.sets import Pair

_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class Needed:
    """Names of the schema that a statement uses."""

    tables: frozenset[str]
    columns: frozenset[str]


def needed_by(sql: str, schema: BusinessSchema) -> Needed:
    """The schema's tables and columns in a statement; nothing of one that cannot be parsed."""
    try:
        tree = sqlglot.parse_one(sql, dialect="postgres")
    except SqlglotError:
        return Needed(frozenset(), frozenset())
    named = {table.name.lower() for table in tree.find_all(exp.Table)}
    tables = [table for table in schema.tables if table.name.lower() in named]
    used = {column.name.lower() for column in tree.find_all(exp.Column)}
    columns = {column.name.lower() for table in tables for column in table}
    return Needed(frozenset(table.name.lower() for table in tables), frozenset(used & columns))


def context_line(scene: Scene, pairs: Iterable[Pair]) -> dict[str, Any]:
    """Found and needed tables and columns in percent, and the tokens of material and examples."""
    container = scene.container
    shared = container.shared
    retrieval = build_retrieval(container.settings, shared.vector_store, shared.catalog, shared.question_reader)
    chooser, schema = PromptMaterial(PromptLimits()), container.shared.catalog.schema()
    counts = {"tables": 0, "columns": 0, "tables_found": 0, "columns_found": 0}
    sizes: list[float] = []
    for pair in pairs:
        question = Question(pair.question, DEFAULT_TENANT_NAME, USER, "")
        retrieved = run_in_request_loop(partial(retrieval.collect, question), timeout_seconds=60)
        material = chooser.choose(retrieved.request)
        text = _whole(material)
        sizes.append(estimated_tokens(text))
        _count(counts, pair, schema, {word.lower() for word in _NAME.findall(text)}, text.lower())
    return {
        **counts,
        "tables_percent": round(100 * counts["tables_found"] / max(counts["tables"], 1), 1),
        "columns_percent": round(100 * counts["columns_found"] / max(counts["columns"], 1), 1),
        "tokens_p50": percentile(sizes, 50),
        "tokens_max": percentile(sizes, 100),
    }


def _whole(material: Material) -> str:
    return "\n".join([material.text, *(f"{pair.question}\n{pair.sql}" for pair in material.pairs)])


def _count(counts: dict[str, int], pair: Pair, schema: BusinessSchema, shown: set[str], text: str) -> None:
    """The reference that is served best counts; a name that is no single word is looked for as it stands."""

    def stands(name: str) -> bool:
        return name in shown if _NAME.fullmatch(name) else name in text

    best: tuple[float, Needed] | None = None
    for sql in pair.references or ():
        needed = needed_by(sql, schema)
        names = needed.tables | needed.columns
        if names:
            share = sum(stands(name) for name in names) / len(names)
            best = max(best or (-1.0, needed), (share, needed), key=lambda entry: entry[0])
    if best is not None:
        for kind, names in (("tables", best[1].tables), ("columns", best[1].columns)):
            counts[kind] += len(names)
            counts[f"{kind}_found"] += sum(stands(name) for name in names)
