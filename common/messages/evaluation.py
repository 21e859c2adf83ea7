"""Texts of `evaluation/runs`."""

from __future__ import annotations

from typing import Final

STARTED: Final = "评测任务已创建"
SHOWN: Final = "获取评测任务成功"
RUN_NOT_FOUND: Final = "评测任务不存在或已过期"
ALREADY_RUNNING: Final = "已有评测任务在运行，请等待其结束"
PAIRS_WRONG: Final = "参数 pairs 必须是包含 1 到 {limit} 个问题的数组"
PAIR_MEMBERS_MISSING: Final = "参数 pairs 的每一项都必须是包含 question 和 sql 的对象"
PAIR_WRONG: Final = "参数 pairs 的值无效：question 为 1 到 {question} 个字符，sql 为 1 到 {sql} 个字符的字符串"
TOO_MANY_STATEMENTS: Final = "参数 pairs 的值无效：每个问题的 sql 为 null、一条语句或 1 到 {limit} 条语句"
