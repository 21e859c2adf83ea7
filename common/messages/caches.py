"""Texts of the cache routes (contract: conversations and caches, sections C to E), kept to the letter."""

from __future__ import annotations

from typing import Final

EMBEDDING_STATS: Final = "获取embedding缓存统计成功"
EMBEDDING_CLEARED: Final = "所有embedding缓存已清空"
EMBEDDING_UNAVAILABLE: Final = "Embedding缓存功能未启用或不可用"
EMBEDDING_NOT_CLEARED: Final = "清空embedding缓存失败，请稍后重试"

ANSWERS_STATS: Final = "获取问答缓存统计成功"
ANSWERS_LIST: Final = "获取问答缓存列表成功"
ANSWERS_ORDER: Final = "按缓存时间倒序排列，最新的在前面"
ANSWERS_LIST_FAILED: Final = "获取问答缓存列表失败，请稍后重试"
ANSWERS_CLEARED: Final = "问答缓存清理完成"
ANSWERS_REDIS_AWAY: Final = "Redis连接不可用，无法执行清理操作"
ANSWERS_NOT_CLEARED: Final = "清空问答缓存失败，请稍后重试"
UNKNOWN_TYPE: Final = "未知类型"

OVERVIEW: Final = "缓存概览查询完成"
STATS: Final = "缓存统计信息查询完成"
EXPORT: Final = "缓存数据导出完成"
PREVIEW: Final = "清理预览完成"
CLEANUP: Final = "缓存清理完成"
OVERVIEW_FULL: Final = "获取综合缓存概览成功"
CONDITION_MISSING: Final = (
    "必须提供时间条件：older_than_hours, older_than_days 或 before_timestamp (YYYY-MM-DD HH:MM:SS)"
)
TIMESTAMP_WRONG: Final = "before_timestamp格式错误，请使用 YYYY-MM-DD HH:MM:SS 格式"
DURATION: Final = "{hours}小时{minutes}分{seconds}秒"
