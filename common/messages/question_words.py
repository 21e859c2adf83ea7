"""Words of questions that do not change what is asked; the comparison of trained questions leaves them out."""

# ruff: noqa: E501 - lists of words

from __future__ import annotations

from typing import Final

FILLER_PHRASES: Final = (
    "请问", "请", "麻烦", "帮我", "帮忙", "给我", "替我", "我想知道", "想知道", "我想", "我要", "告诉我", "查询", "查一下", "查一查",
    "查看", "查", "看一下", "看看", "统计一下", "统计", "计算一下", "计算", "求", "列出", "列一下", "显示", "展示", "是多少", "有多少",
    "等于多少", "多少", "是什么", "是哪些", "有哪些", "哪些", "是几", "有几", "一下", "一共", "总共", "分别", "呢", "吗", "啊", "吧",
    "呀", "的", "了", "是", "各个", "每个", "各", "每",
)  # fmt: skip
FILLER_WORDS: Final = frozenset(
    [
        "what",
        "whats",
        "is",
        "are",
        "was",
        "were",
        "the",
        "a",
        "an",
        "of",
        "for",
        "in",
        "on",
        "at",
        "please",
        "show",
        "me",
        "give",
        "get",
        "list",
        "tell",
        "display",
        "find",
        "calculate",
        "compute",
        "count",
        "how",
        "much",
        "many",
        "do",
        "does",
        "did",
        "can",
        "could",
        "you",
        "i",
        "want",
        "to",
        "know",
        "see",
        "each",
        "every",
        "per",
        "all",
        "there",
        "it",
    ]
)
UNIT_REMARKS: Final = (
    r"(?<![\s，,；;。.])[\s，,；;。.]*+(?:(?:单位|以|按|用|统一)\s*+(?:[:：为是用]\s*+)?[十百千万亿]{0,2}(?:元|块|角|分|人民币|个|次|人|辆|笔|单|家|天|rmb|cny|usd)"
    r"(?:计|算|表示|为单位|来算)?|(?:rmb|cny|usd|人民币)|in (?:yuan|rmb|cny|dollars|usd))[\s。.！!？?]*$"
)
"""A remark at the end of a question about the unit of the answer."""
