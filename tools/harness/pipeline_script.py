"""What the scripted model writes for the data pipeline, from the `pipeline` part of `model_script.json`.

The data stands as JSON between two tags in the last user message; the call's kind says what is wanted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

KINDS = frozenset(
    {"describe_table", "write_themes", "write_pairs", "write_scope", "repair_pairs", "write_question"}
)  # fmt: skip


def pipeline_reply(kind: str, message: str, content: Mapping[str, Any]) -> str:
    """The reply to one call; `content` is the whole script."""
    script = content["pipeline"]
    if kind == "write_question":
        return str(content["question_for_a_sql_without_one"])
    if kind == "write_scope":
        return "=== 数据库业务范围 ===\n当前数据库存储的是相关数据。\n核心业务实体：\n- 公司\n关键业务指标：\n- 数量"
    data = json.loads(message.partition(">\n")[2].rpartition("\n</")[0])
    if kind == "describe_table":
        return _json(_description(data, script))
    if kind == "write_themes":
        return _json({"themes": script["themes"]})
    if kind == "write_pairs":
        pairs = script["pairs"]
        return _json({"pairs": _pairs(pairs.get(data["theme"]["name"], pairs["otherwise"]))})
    return _json({"repaired_sqls": [script["repair of a failed pair"] for _ in data["failed"]]})


def _description(data: Mapping[str, Any], script: Mapping[str, Any]) -> dict[str, Any]:
    comments = script["column comments"]
    name = data["table"].rpartition(".")[2]
    columns = [
        {
            "name": column["name"],
            "comment": comments.get(column["name"]) or comments["other"].replace("<name>", column["name"]),
            "is_enum": column["name"] in comments["enum columns"],
        }
        for column in data["columns"]
    ]
    return {"table_comment": script["table comment"].replace("<table>", name), "columns": columns}


def _pairs(items: Sequence[Sequence[str]]) -> list[dict[str, str]]:
    return [{"question": question, "sql": sql} for question, sql in items]


def _json(value: Any) -> str:
    return "```json\n" + json.dumps(value, ensure_ascii=False) + "\n```"
