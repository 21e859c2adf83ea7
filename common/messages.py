"""Every text a user can read, in one place. Historical texts (contract 00 section 3 and 10) are kept to the letter.

Constants are complete sentences; a text with `{placeholders}` is filled with `str.format`.
Each room of the house has its own section below; keep it sorted by first use.
"""

from __future__ import annotations

from typing import Final

# Envelope categories (contract 00 section 3)
SUCCESS: Final = "操作成功"
BAD_REQUEST: Final = "请求参数错误"
VALIDATION_FAILED: Final = "参数验证失败"
NOT_FOUND: Final = "资源未找到"
INTERNAL_ERROR: Final = "系统内部错误"
SERVICE_UNAVAILABLE: Final = "服务暂时不可用"
PROCESSING_FAILED: Final = "处理失败"
FORBIDDEN: Final = "没有权限"
METHOD_NOT_ALLOWED: Final = "请求方法不支持"
PAYLOAD_TOO_LARGE: Final = "请求内容过大"

# Requests
PATH_NOT_FOUND: Final = "请求的路径不存在：{path}"
METHOD_NOT_SUPPORTED: Final = "路径 {path} 不支持 {method} 方法"
MALFORMED_JSON: Final = "请求格式错误：需要JSON格式的数据"
JSON_OBJECT_NEEDED: Final = "请求格式错误：请求体必须是JSON对象"
MISSING_PARAMETER: Final = "缺少必需参数：{name}"
PARAMETER_MUST_BE_TEXT: Final = "参数 {name} 必须是字符串"
QUESTION_TOO_LONG: Final = "问题过长：最多 {limit} 个字符，当前 {length} 个"
REQUEST_TOO_LARGE: Final = "请求内容超过上限 {limit} 字节"
REQUEST_FAILED: Final = "查询处理失败，请稍后重试"

# Identity and conversations
INVALID_ROUTING_MODE: Final = "无效的routing_mode参数值: {value}，支持的值: {allowed}"
USER_MISMATCH: Final = "用户ID不匹配：conversation_id中的用户ID '{owner}' 与提供的用户ID '{user}' 不一致"
USER_ID_WITH_COLON: Final = "用户ID不能包含冒号"
EMPTY_RESULT: Final = "查询执行成功，但没有找到符合条件的数据"

# Agent
AGENT_UNAVAILABLE: Final = "AI服务暂时不可用，请稍后重试"
