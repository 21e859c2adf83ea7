"""Texts of `ask` and `ask_cached` (docs/contract/questions.md), kept to the letter."""

from __future__ import annotations

from typing import Final

DONE: Final = "查询执行完成"
NO_SQL: Final = "无法生成SQL查询，请检查问题描述或数据表结构"
ASK_OTHERWISE: Final = "请尝试提问其它问题。"
ASK_CACHED_OTHERWISE: Final = "请尝试用其它方式提问。"
