"""Texts of the feedback routes, to the letter of docs/contract/feedback.md; what it lacks follows its manner."""

from __future__ import annotations

from typing import Final

ADDED: Final = "反馈记录创建成功"
FOUND: Final = "查询成功，共找到 {total} 条记录"
UPDATED: Final = "反馈记录更新成功"
DELETED: Final = "反馈记录删除成功"
TRAINED: Final = "训练数据添加完成，成功处理 {count} 条记录"
COUNTED: Final = "统计信息获取成功"

PAGE_TOO_SMALL: Final = "页码必须大于0"
PAGE_SIZE_WRONG: Final = "每页大小必须在1-100之间"
NOTHING_TO_UPDATE: Final = "没有提供有效的更新字段"
NOT_FOUND_OR_UNCHANGED: Final = "反馈记录不存在或无变化 (ID: {id})"
NOT_FOUND: Final = "反馈记录不存在 (ID: {id})"
IDS_MISSING: Final = "缺少有效的反馈ID列表"
IDS_WRONG: Final = "参数 feedback_ids 的值无效：必须是整数ID的列表"
NONE_FOUND: Final = "未找到任何有效的反馈记录"
USER_ID_WRONG: Final = "参数 user_id 的值无效：最多 {limit} 个字符，不能为空值"

ADD_FAILED: Final = "创建反馈记录失败，请稍后重试"
QUERY_FAILED: Final = "查询反馈记录失败，请稍后重试"
UPDATE_FAILED: Final = "更新反馈记录失败，请稍后重试"
DELETE_FAILED: Final = "删除反馈记录失败，请稍后重试"
TRAINING_FAILED: Final = "添加训练数据失败，请稍后重试"
STATS_FAILED: Final = "获取统计信息失败，请稍后重试"

ITEM_WITHOUT_TEXT: Final = "问题或SQL为空"
ITEM_SUSPICIOUS: Final = "内容疑似包含针对模型的指令或隐藏字符，不能直接用于训练，请通过训练数据接口提交并由管理员审核"
ITEM_CHANGED: Final = "反馈记录在处理期间被修改，请重试"
