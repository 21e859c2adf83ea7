"""Texts of the ReAct agent and of its routes; the historical ones (docs/contract/react.md) are kept to the letter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# POST /api/v0/ask_react_agent: see docs/contract/react.md
PROCESSED: Final = "处理成功"
FORMAT_WRONG: Final = "请求格式错误"
INVALID_JSON: Final = "无效的JSON格式，请检查请求体中是否存在语法错误（如多余的逗号、引号不匹配等）"
INVALID_JSON_DETAILS: Final = (
    "400 Bad Request: The browser (or proxy) sent a request that this server could not understand."
)
PARAMETERS_WRONG: Final = "请求参数错误"
BODY_EMPTY: Final = "请求体不能为空"
BODY_NOT_OBJECT: Final = "请求体必须是JSON对象"
VALIDATION_FAILED: Final = "参数验证失败"
QUESTION_EMPTY: Final = "问题不能为空"
QUESTION_TOO_LONG: Final = "问题长度不能超过{limit}字符"
USER_ID_TOO_LONG: Final = "用户ID长度不能超过{limit}字符"
USER_ID_WITH_COLON: Final = "用户ID不能包含冒号"
THREAD_ID_MALFORMED: Final = "会话ID格式无效，期望格式为 user_id:timestamp"
THREAD_ID_TOO_LONG: Final = "会话ID长度不能超过{limit}字符"
THREAD_OF_SOMEBODY_ELSE: Final = "会话归属验证失败：会话ID [{thread_id}] 不属于当前用户 [{user_id}]"
THREAD_ID_TAKEN: Final = "新会话的ID已被占用，请重试"
NOT_TEXT: Final = "参数 {name} 必须是字符串，不能包含无法处理的字符"
AGENT_NOT_READY: Final = "React Agent 初始化失败"
TRY_AGAIN: Final = "服务暂时不可用，请稍后重试"
FAILED: Final = "处理失败"
INTERNAL: Final = "内部服务错误"
STEPS_EXHAUSTED: Final = "问题在 {limit} 个步骤内没有得到答案，请简化或拆分问题后重试"
FIGURES_UNPROVEN: Final = "查询已经完成，但生成的说明中有查询结果里没有的数字，因此不予显示，请以返回的数据为准。"
RUN_FAILED: Final = "SQL执行失败：{detail}"

# Steps, as the event stream names them: see docs/contract/react.md
STEP_NAMES: Final[Mapping[str, str]] = {
    "__start__": "开始处理",
    "trim_messages": "检查问题上下文",
    "agent": "AI分析中",
    "prepare_tool_input": "准备工具参数",
    "tools": "执行操作",
    "update_state_after_tool": "检查结果",
    "format_final_response": "生成回答",
    "__end__": "完成",
}
STEP_UNKNOWN: Final = "处理中"
STEP_PREPARING: Final = "准备{label}"
TOOL_LABELS: Final[Mapping[str, str]] = {
    "generate_sql": "生成SQL语句",
    "valid_sql": "验证SQL语法",
    "run_sql": "执行SQL查询",
    "list_tables": "查看数据表",
    "describe_table": "查看表结构",
    "sample_values": "查看样例数据",
    "distinct_values": "查看字段取值",
    "previous_result": "查看上次结果",
    "redis_search": "查找历史对话",
}

# Status: see docs/contract/react.md
STATUS_READ: Final = "获取状态成功"
STATUS_FAILED: Final = "获取状态失败: {reason}"
THREAD_UNKNOWN: Final = "未找到执行线程"
STATUS_STARTING: Final = ("初始化中", "🚀")
STATUS_DONE: Final = ("完成", "✅")
STATUS_THINKING: Final = ("AI思考中", "🤖")
STATUS_WORKING: Final = ("执行中", "⚙️")
STATUS_TOOLS: Final[Mapping[str, tuple[str, str]]] = {
    "generate_sql": ("生成SQL中", "🔍"),
    "valid_sql": ("验证SQL中", "✅"),
    "run_sql": ("执行查询中", "⚡"),
}
STATUS_CALLING: Final = ("调用{tool}中", "🔧")
STATUS_CALLING_UNKNOWN: Final = ("调用工具中", "🔧")
STATUS_TOOL_DONE: Final = ("{name}完成，AI处理中", "🤖")
STATUS_TOOL_FALLBACK: Final = "处理"
STATUS_TOOL_RUNNING: Final = ("执行{tool}中", "⚙️")
PROGRESSIVE: Final = "中"

# Conversations: see docs/contract/react.md
LIST_READ: Final = "获取用户对话列表成功"
LIST_FAILED: Final = "获取用户对话列表失败: {reason}"
DETAIL_READ: Final = "获取对话详情成功"
DETAIL_READ_FULL: Final = "获取对话详情成功 (完整模式)"
DETAIL_READ_SIMPLE: Final = "获取对话详情成功 (简化模式)"
DETAIL_FAILED: Final = "获取对话详情失败: {reason}"
SUMMARY_READ: Final = "获取对话摘要成功"
SUMMARY_FAILED: Final = "获取对话摘要失败: {reason}"
CONVERSATION_UNKNOWN: Final = "未找到对话 {thread_id}"
COMPARE_IMPOSSIBLE: Final = "无法获取对话数据进行比较"
COMPARE_EFFECTIVE: Final = "有效"
COMPARE_SAME: Final = "无差异"
COMPARE_NOTE: Final = "sample_messages 只显示前3条消息"
THREAD_ID_FORMAT: Final = "Invalid thread_id format. Expected format: user_id:timestamp"
THREAD_OF_OTHER_USER: Final = "Thread ID {thread_id} does not belong to user {user_id}"
SYSTEM_MESSAGE: Final = "系统消息"
EMPTY_CONVERSATION: Final = "空对话"

# Checkpoints: see docs/contract/react.md
KEEP_COUNT_WRONG: Final = "keep_count必须大于0"
KEEP_COUNT_NO_NUMBER: Final = "keep_count必须是整数"
CLEANUP_THREAD_ID: Final = "thread_id格式错误，期望格式: user_id:timestamp"
CLEANED_UP: Final = "Checkpoint清理完成，删除了{count}个checkpoint"
NOTHING_TO_CLEAN_UP: Final = "未找到需要清理的checkpoint"
CLEANUP_FAILED: Final = "Checkpoint清理失败: {reason}"
STATS_READ_USER: Final = "获取用户{user_id}统计成功"
STATS_NONE_USER: Final = "用户 {user_id} 没有任何checkpoint"
STATS_READ: Final = "获取系统checkpoint统计成功"
STATS_NONE: Final = "系统中暂无checkpoint数据"
STATS_FAILED: Final = "获取checkpoint统计失败: {reason}"
STORE_LOST: Final = "Redis连接失败，请检查Redis服务状态"
STORE_LACKS: Final = "Redis不能保存对话：缺少 {commands}"

# Health
COMPONENT_REACT_LOST: Final = "React Agent不可用：ask_react_agent 无法回答，其它接口不受影响"
COMPONENT_CHECKPOINTS_LOST: Final = "React Agent的对话存储（{store}）不可用"

# What the tools tell the model: see docs/contract/react.md
SQL_VALID: Final = "SQL验证通过：语法正确且字段存在"
SQL_NOT_A_QUERY: Final = "SQL验证失败：SQL语句为空或不是有效的查询语句"
SQL_DANGEROUS: Final = "SQL验证失败：包含危险操作 {keyword}"
SQL_COLUMN_UNKNOWN: Final = "SQL验证失败：字段不存在。详细错误：{detail}"
SQL_TABLE_UNKNOWN: Final = "SQL验证失败：表不存在。详细错误：{detail}"
SQL_SYNTAX: Final = "SQL验证失败：语法错误。详细错误：{detail}"
SQL_NOT_RUNNABLE: Final = "SQL验证失败：执行失败。详细错误：{detail}"
NO_SQL: Final = "Database query failed. Reason: {reason}"
NO_SQL_PREFIX: Final = "Database query failed. Reason:"
CALL_LOST: Final = "工具调用已超时或失败，请重新尝试。"
TOOL_UNKNOWN: Final = "Error: 没有名为 {name} 的工具，可用的工具：{known}\n Please fix your mistakes."
TOOL_ARGUMENTS_WRONG: Final = "Error: 工具 {name} 的参数错误：{problem}\n Please fix your mistakes."
TOO_MANY_CALLS: Final = "Error: 一次最多调用 {limit} 个工具，此调用未执行\n Please fix your mistakes."
TABLE_UNKNOWN: Final = "没有名为 {name} 的表，请先用 list_tables 查看"
VALUES_NOT_SHOWN: Final = "{name} 的取值不直接展示；如果用户的问题需要，请用 run_sql 查询"
COLUMN_UNKNOWN: Final = "表 {table} 没有字段 {name}"
NO_PREVIOUS_RESULT: Final = "本会话还没有可用的查询结果"
PREVIOUS_INCOMPLETE: Final = "上次的结果只保存了前 {kept} 行（共 {total} 行），无法直接计算，请重新生成SQL"
COLUMN_NOT_NUMERIC: Final = "上次的结果没有可以计算的数值列 {name}"

# Answers of the offline engine
OFFLINE_NOT_VALID: Final = "SQL没有通过验证，无法给出准确结果：{reason}"
OFFLINE_NOT_RUN: Final = "查询没有成功执行：{reason}"
OFFLINE_NO_ROWS: Final = "没有符合条件的数据。"
OFFLINE_NO_SQL: Final = "请换一种说法，或补充要查询的对象、指标和时间。"
OFFLINE_DERIVED: Final = {
    "sum": "上次查询结果中，{column}合计为 {value}。",
    "average": "上次查询结果中，{column}的平均值为 {value}。",
    "max": "上次查询结果中，{column}最大为 {value}。",
    "min": "上次查询结果中，{column}最小为 {value}。",
    "count": "上次查询结果共有 {value} 行。",
}
