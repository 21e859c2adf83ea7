"""Words by which model replies are told apart: labels of a classification, markers of refusals, SQL's first words.

Language data for `agent.model_replies`; nothing here is shown to users.
"""

from __future__ import annotations

from typing import Final

TYPE_LABELS: Final = (
    "分类结果",
    "问题分类",
    "问题类型",
    "分类",
    "类型",
    "classification",
    "category",
    "question_type",
    "type",
)
REASON_LABELS: Final = ("分类理由", "理由", "原因", "reasoning", "reason")
CONFIDENCE_LABELS: Final = ("置信度", "可信度", "confidence")

DATABASE_WORDS: Final = ("DATABASE", "数据库")
CHAT_WORDS: Final = ("CHAT", "聊天", "对话")

MISSING_TABLE_MARKS: Final = ("no relevant tables", "table not found")
AMBIGUITY_MARKS: Final = ("ambiguous", "more information")
REFUSAL_MARKS: Final = (
    "insufficient context",
    "sorry",
    "cannot",
    "can't",
    "no relevant",
    "no suitable",
    "unable to",
    "don't have",
    "not enough information",
    "unclear",
    "无法",
    "不能",
    "抱歉",
    "没有相关",
    "找不到",
    "不存在",
    "上下文不足",
    "没有直接存储",
    "没有存储",
    "需要更多信息",
    "请提供",
    "不清楚",
    "不确定",
    "没有足够",
    "不支持",
    "缺少",
    "未找到",
)
SQL_WORDS: Final = ("select", "insert", "update", "delete", "with", "from", "where")

QUERY_STARTS: Final = frozenset({"SELECT", "WITH"})
OTHER_STARTS: Final = frozenset(
    {
        "VALUES",
        "TABLE",
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "CREATE",
        "ALTER",
        "DROP",
        "TRUNCATE",
        "GRANT",
        "REVOKE",
        "EXPLAIN",
        "CALL",
        "COPY",
        "DO",
        "LOCK",
        "VACUUM",
    }
)
CONTINUATION_STARTS: Final = frozenset(
    {"FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "UNION", "INTERSECT", "EXCEPT", "AND", "OR", "ON"}
    | {"JOIN", "LEFT", "RIGHT", "INNER", "FULL", "CROSS", "WINDOW", "FETCH"}
)
