"""Texts of the conversation routes (docs/contract/conversations.md)."""

from __future__ import annotations

from typing import Final

LIST_DONE: Final = "获取用户对话列表成功"
LIST_FAILED: Final = "获取对话列表失败，请稍后重试"
FULL_DONE: Final = "获取用户完整对话数据成功"
FULL_FAILED: Final = "获取用户对话数据失败，请稍后重试"
MESSAGES_DONE: Final = "获取对话消息成功"
MESSAGES_FAILED: Final = "获取对话消息失败"
CONTEXT_DONE: Final = "获取对话上下文成功"
STATS_DONE: Final = "获取统计信息成功"
STATS_FAILED: Final = "获取统计信息失败，请稍后重试"

TITLE_WITHOUT_QUESTION: Final = "对话"
TITLE_WITHOUT_MESSAGES: Final = "空对话"

USER_DELETED: Final = "用户对话数据删除完成"
CONVERSATION_DELETED: Final = "对话删除完成"
ALL_DELETED: Final = "所有agent对话数据清空完成"
REFERENCES_REMOVED: Final = "无效引用清理完成"
CLEANUP_DONE: Final = "对话清理完成"
CLEANUP_FAILED: Final = "对话清理失败，请稍后重试"
TWO_NAMES_OF_ONE: Final = "参数冲突：conversation_id 和 thread_id 不能同时提供"
SEVERAL_MODES: Final = "参数冲突：不能同时提供多个操作模式参数，检测到: {names}"
NO_MODE: Final = "参数错误：必须指定操作模式"
NO_MODE_HINT: Final = (
    "请提供以下参数组合之一: user_id | conversation_id/thread_id | clear_all_agent_data | cleanup_invalid_refs"
)
VALID_MODES: Final = (
    "user_id (删除指定用户)",
    "conversation_id 或 thread_id (删除指定对话，两参数等同)",
    "clear_all_agent_data (清空所有数据)",
    "cleanup_invalid_refs (清理无效引用)",
)

LIMITS_DONE: Final = "限额执行完成"
LIMITS_FAILED: Final = "对话限额执行失败，请稍后重试"
LIMIT_NOT_POSITIVE: Final = "{name} 必须是大于0的整数"
DRY_RUN_NOT_BOOLEAN: Final = "dry_run 必须是布尔值"
