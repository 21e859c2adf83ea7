"""Texts by a language model. Built by `bootstrap`; fulfils `PipelineTexts`.

Instructions stand in the system message; schema, rows and SQL go as JSON between random tags, bounded in size. A call
that fails raises; what the model wrote is checked before it is used.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from common.messages import data_pipeline as texts
from core.llm.messages import CallKind, ChatMessage, ModelReply
from core.llm.metering import CallAccount
from core.prompt_files import PromptLibrary, new_fence
from core.prompt_values import PromptValues
from data_pipeline.identifiers import one_line
from data_pipeline.model_replies import read_comments, read_json, read_pairs, read_repairs, read_themes, unusable
from data_pipeline.schema_reader import BusinessTable, TableColumn
from data_pipeline.task import PipelineLimits
from data_pipeline.text_writer import (
    DescribedTable,
    FailedPair,
    QuestionPair,
    SchemaMaterial,
    TextOrder,
    Theme,
)

ROUTE: Final = "data_pipeline"
PROMPTS: Final = Path(__file__).parent / "prompts"
_MATERIAL_CHARS: Final = 24_000
_COLUMNS_PER_CALL: Final = 40
_SHOWN_SAMPLES: Final = 3
_SAMPLE_CHARS: Final = 60
_SCOPE_CHARS: Final = 4_000
_QUESTION_CHARS: Final = 500


class ChatClient(Protocol):
    """What is needed of `core.llm.client.LLMClient`."""

    def chat(
        self, messages: Sequence[ChatMessage], *, account: CallAccount, kind: CallKind = "other"
    ) -> ModelReply: ...


class ModelTexts:
    """See the module; threads share it.

    Args:
        client: the way to the model.
        prompts: the prompt files.
        limits: how much is asked for.
        values: which columns' samples the model may see.
    """

    checks_by_running: Final = False
    can_repair: Final = True

    def __init__(
        self, *, client: ChatClient, prompts: PromptLibrary, limits: PipelineLimits, values: PromptValues | None = None
    ) -> None:
        self._client = client
        self._prompts = prompts
        self._limits = limits
        self._values = values or PromptValues()

    def describe(self, table: BusinessTable, order: TextOrder) -> DescribedTable:
        """Comments by the model; where it has none to say, the catalogue's stay."""
        table_comment = ""
        found: dict[str, tuple[str, bool]] = {}
        for start in range(0, len(table.columns), _COLUMNS_PER_CALL):
            columns = table.columns[start : start + _COLUMNS_PER_CALL]
            reply = self._ask("describe_table", order, _described(replace(table, columns=columns), self._values))
            comment, comments = read_comments(read_json(reply))
            table_comment = table_comment or comment
            found |= comments
        described = tuple(
            replace(column, comment=found.get(column.name, ("", False))[0] or column.comment)
            for column in table.columns
        )
        candidates = tuple(column.name for column in table.columns if found.get(column.name, ("", False))[1])
        return DescribedTable(replace(table, comment=table_comment or table.comment, columns=described), candidates)

    def themes(self, material: SchemaMaterial, order: TextOrder) -> list[Theme]:
        """As many as wanted for every group of tables that fits into one prompt."""
        themes: dict[str, Theme] = {}
        size = self._limits.tables_per_prompt
        for start in range(0, len(material.tables), size):
            tables = material.tables[start : start + size]
            known = {name.lower(): table.full_name for table in tables for name in (table.name, table.full_name)}
            data = {"tables": _pages(tables, material)}
            reply = self._ask("write_themes", order, data, count=str(self._limits.themes))
            for theme in read_themes(read_json(reply), known)[: self._limits.themes]:
                themes.setdefault(theme.topic_name, theme)
        return list(themes.values())

    def pairs(self, theme: Theme, material: SchemaMaterial, order: TextOrder) -> list[QuestionPair]:
        """The model's pairs for a theme, unchecked."""
        tables = [material.by_name[name] for name in theme.related_tables if name in material.by_name]
        data = {
            "theme": {"name": theme.topic_name, "description": theme.description, "entities": theme.biz_entities,
                      "metrics": theme.biz_metrics},
            "tables": _pages(tables, material),
        }  # fmt: skip
        reply = self._ask("write_pairs", order, data, count=str(self._limits.questions_per_theme))
        return read_pairs(read_json(reply))

    def scope(self, themes: Sequence[Theme], material: SchemaMaterial, order: TextOrder) -> str:
        """The model's page, with the contract's heading."""
        data = [
            {"name": theme.topic_name, "description": theme.description, "tables": theme.related_tables,
             "entities": theme.biz_entities, "metrics": theme.biz_metrics}
            for theme in themes
        ]  # fmt: skip
        reply = self._ask("write_scope", order, data, heading=texts.SCOPE_HEAD)
        page = "\n".join(line.rstrip() for line in reply.replace("\0", "").strip("` \n").splitlines())[:_SCOPE_CHARS]
        return page if page.startswith(texts.SCOPE_HEAD) else f"{texts.SCOPE_HEAD}\n{page}"

    def repair(self, failed: Sequence[FailedPair], material: SchemaMaterial, order: TextOrder) -> list[str | None]:
        """The model's other SQL for each, unchecked."""
        mentioned = [
            table for table in material.tables if any(table.name.lower() in item.pair.sql.lower() for item in failed)
        ]
        shown = mentioned or material.tables[: self._limits.tables_per_prompt]
        data = {
            "failed": [
                {"question": item.pair.question, "sql": item.pair.sql, "error": one_line(item.error, _QUESTION_CHARS)}
                for item in failed
            ],
            "tables": [_described(table, self._values) for table in shown[: self._limits.tables_per_prompt]],
        }
        return read_repairs(read_json(self._ask("repair_pairs", order, data)), len(failed))

    def question(self, sql: str, tenant: str, user_id: str) -> str:
        """The question a statement answers.

        Raises:
            ModelUnavailableError: the model does not answer.
            PipelineError: there is no question in its reply.
        """
        reply = self._ask("write_question", TextOrder(tenant, user_id, ""), sql)
        question = one_line(next((line for line in reply.splitlines() if line.strip()), ""), _QUESTION_CHARS)
        if not question:
            raise unusable(texts.REPLY_WRONG_SHAPE)
        return question

    def _ask(self, kind: CallKind, order: TextOrder, data: Any, **values: str) -> str:
        """One call: the instructions of the kind's prompt, then the data between tags nobody can guess."""
        fence = new_fence()
        template = self._prompts[kind]
        context = one_line(order.business_context, _QUESTION_CHARS)
        instructions = template.fill(fence=fence, context=context, **values)
        text = json.dumps(data, ensure_ascii=False)[:_MATERIAL_CHARS]
        asked = self._prompts["data"].fill(fence=fence, data=text)
        account = CallAccount(order.tenant, order.user_id, ROUTE)
        messages = [ChatMessage("system", instructions), ChatMessage("user", asked)]
        return self._client.chat(messages, account=account, kind=kind).text


def _described(table: BusinessTable, values: PromptValues) -> dict[str, Any]:
    """A table as data for a prompt."""
    return {
        "table": table.full_name,
        "comment": table.comment[:_QUESTION_CHARS],
        "columns": [
            {
                "name": column.name,
                "type": column.data_type,
                "comment": column.comment[:_QUESTION_CHARS],
                "samples": [sample[:_SAMPLE_CHARS] for sample in _shown_samples(table, column, values)],
            }
            for column in table.columns
        ],
    }


def _shown_samples(table: BusinessTable, column: TableColumn, values: PromptValues) -> Sequence[str]:
    samples = column.samples[:_SHOWN_SAMPLES]
    return samples if values.allows(table.name, table.comment, column.name, column.comment, samples) else ()


def _pages(tables: Sequence[BusinessTable], material: SchemaMaterial) -> list[dict[str, str]]:
    """Each table's page, all of them together within the size of a prompt."""
    share = _MATERIAL_CHARS * 9 // 10 // max(1, len(tables))
    return [
        {"table": table.full_name, "description": material.documents.get(table.full_name, "")[:share]}
        for table in tables
    ]
