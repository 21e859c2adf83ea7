"""Texts of the stand-alone ReAct service, of `/chat` and `/redis/direct`; the historical ones (docs/contract/react.md)
are kept to the letter.
"""

from __future__ import annotations

from typing import Final

RUNNING: Final = "Custom React Agent API 服务正在运行"
ANSWERED: Final = "操作成功"
NOT_YOUR_THREAD: Final = "会话归属验证失败"
THREAD_ID_INVALID: Final = "会话ID格式无效"
PARAMETERS_WRONG: Final = "请求参数错误"
INTERNAL: Final = "服务器内部错误"
THREAD_NOT_OF_USER: Final = "会话ID {thread_id} 不属于用户 {user_id}"
KEY_MISSING: Final = "缺少模型服务的密钥：请设置 {name} 或 LLM_API_KEY"
UNHEALTHY: Final = "服务无法回答：{reason}"

KEY_SET: Final = "键已写入"
KEY_DELETED: Final = "键已删除"
KEY_ABSENT: Final = "键不存在"
OPERATION_INVALID: Final = "操作无效，可用的操作：{allowed}"
KEY_INVALID: Final = "参数 key 必须是1到{limit}个字符的字符串，不能包含控制字符"
VALUE_INVALID: Final = "参数 value 过大或不是有效的JSON值，最多{limit}字节"
TTL_INVALID: Final = "参数 ttl 必须是1到{limit}之间的整数（秒）"
DIRECT_REDIS_OFF: Final = "直接访问Redis的接口未启用（设置 REACT_REDIS_DIRECT=true 后可用）"

NOTHING_SAID_EARLIER: Final = "没有找到相关的历史对话"
NOT_OWN_STATEMENT: Final = "只能修改本服务自己的数据表，语句不被允许（{rule}）"
