"""Texts of the training data routes; historical ones (docs/contract/training.md) are kept to the letter."""

from __future__ import annotations

from typing import Final

# Stats and query
STATS_DONE: Final = "统计信息获取成功"
STATS_FAILED: Final = "获取统计信息失败，请稍后重试"
PAGE_TOO_SMALL: Final = "页码必须大于0"
PAGE_TOO_LARGE: Final = "页码过大"
PAGE_SIZE_WRONG: Final = "每页大小必须在1-100之间"
KEYWORD_TOO_LONG: Final = "搜索关键词最大长度为100字符"
QUERY_DONE: Final = "查询成功，共找到 {total} 条记录"
QUERY_EMPTY: Final = "查询成功，暂无训练数据"
QUERY_FAILED: Final = "查询训练数据失败，请稍后重试"

# One record
SQL_NEEDED: Final = "SQL字段是必需的"
PAIR_NEEDED: Final = "question和sql字段都是必需的"
CONTENT_NEEDED: Final = "content字段是必需的"
DDL_NEEDED: Final = "ddl字段是必需的"
KIND_UNKNOWN: Final = "不支持的训练数据类型: {kind}"
SQL_EMPTY: Final = "SQL语法错误：空语句"
SQL_INVALID: Final = "SQL语法错误：不是有效的SQL语句"
SQL_ONLY_QUERIES: Final = "SQL语法错误：训练集只接受SELECT或WITH查询语句"
SQL_MULTIPLE: Final = "SQL语法错误：一条记录只能包含一条SQL语句"
SQL_TOO_LONG: Final = "SQL语法错误：语句过长"
SQL_FORBIDDEN_VERB: Final = '在训练集中禁止使用"UPDATE,DELETE,ALERT,DROP"'
FORBIDDEN_VERBS: Final = ("UPDATE", "DELETE", "ALERT", "DROP")
TEXT_TOO_LONG: Final = "{name}字段过长：最多 {limit} 个字符"
TEXT_NOT_STORABLE: Final = "{name}字段包含无法处理的字符"
TEXT_WRONG_TYPE: Final = "{name}字段必须是字符串"
RECORD_NOT_OBJECT: Final = "记录格式错误，应为对象"
QUESTION_NOT_WRITTEN: Final = "缺少question字段，且无法从该SQL推导出问题，请提供question"
QUESTION_MODEL_FAILED: Final = "缺少question字段，且大模型暂时无法生成问题，请稍后重试或提供question"
QUESTIONS_TOO_MANY: Final = "一次上传最多为 {limit} 条SQL生成问题，请为其余SQL提供question"
QUESTION_LABEL: Final = "问题"
QUESTION_MARKS: Final = ("？", "?")
TRAINING_FORBIDDEN: Final = "训练数据只能由管理员提交"
QUARANTINED: Final = "内容疑似包含针对模型的指令或隐藏字符，已隔离，等待管理员审核"

# Create
DATA_NEEDED: Final = "缺少必需参数：data"
DATA_WRONG: Final = "data字段格式错误，应为对象或数组"
BATCH_TOO_LARGE: Final = "批量操作最大支持50条记录"
CREATED: Final = "{kind}训练数据创建成功"
NOT_CREATED: Final = "创建失败"
CREATE_DONE: Final = "训练数据创建完成"
CREATE_NOTHING: Final = "训练数据创建失败"
CREATE_PARTIAL: Final = "训练数据创建部分成功，成功{done}条，失败{failed}条"
CREATE_FAILED: Final = "创建训练数据失败，请稍后重试"

# Delete
IDS_NEEDED: Final = "缺少有效的ID列表"
CONFIRM_NEEDED: Final = "删除操作需要确认，请设置confirm为true"
DELETE_TOO_MANY: Final = "批量删除最大支持50条记录"
NOT_DELETED: Final = "记录不存在或删除失败"
DELETE_DONE: Final = "训练数据删除完成"
DELETE_NOTHING: Final = "训练数据删除失败"
DELETE_PARTIAL: Final = "训练数据删除部分成功，成功{done}条，失败{failed}条"
DELETE_FAILED: Final = "删除训练数据失败，请稍后重试"

# Update
ID_NEEDED: Final = "缺少必需参数：id"
KIND_NEEDED: Final = "缺少必需参数：training_data_type"
ORIGINAL_ABSENT: Final = "原始记录 {id} 不存在或删除失败"
UPDATE_SQL_WRONG: Final = "SQL语法错误: {reason}"
UPDATE_DONE: Final = "训练数据更新成功"
UPDATE_FAILED: Final = "更新训练数据失败，请稍后重试"

# Upload
FILE_NEEDED: Final = "未提供文件"
FILE_NOT_CHOSEN: Final = "未选择文件"
FILE_TYPE_NEEDED: Final = "缺少必需参数：file_type"
FILE_TYPE_UNKNOWN: Final = "不支持的文件类型：{file_type}，支持的类型：{supported}"
FILE_TOO_LARGE: Final = "文件大小不能超过500KB"
FILE_EXTENSION_WRONG: Final = "文件类型 {file_type} 不支持的文件扩展名：{extension}，支持的扩展名：{supported}"
OR_NO_EXTENSION: Final = " 或无扩展名"
DDL_WITHOUT_CREATE: Final = "文件内容不符合DDL格式，必须包含CREATE语句"
MARKDOWN_WITHOUT_HEADING: Final = "文件内容不符合Markdown格式，必须包含##标题"
JSON_WRONG: Final = "文件内容不符合JSON问答对格式，{reason}"
JSON_NOT_LIST: Final = "必须是非空数组"
JSON_NOT_OBJECTS: Final = "数组元素必须是对象"
JSON_WITHOUT_FIELDS: Final = "必须包含question和sql字段"
JSON_MALFORMED: Final = "JSON格式错误"
JSON_KEY_TWICE: Final = "对象中的字段重复"
PAIRS_WITHOUT_QUESTION: Final = "文件内容不符合问答对格式，必须包含Question:"
PAIRS_WITHOUT_SQL: Final = "文件内容不符合问答对格式，必须包含SQL:"
SQL_WITHOUT_SEMICOLON: Final = "文件内容不符合SQL格式，必须包含;分隔符"
CONTENT_NOT_TEXT: Final = "文件内容验证失败: 不是文本文件，或无法识别文件编码"
CONTENT_NOT_STORABLE: Final = "文件内容验证失败: 包含无法处理的控制字符"
CONTENT_TOO_MANY: Final = "文件内容验证失败: 最多支持 {limit} 条记录，当前 {count} 条"
UPLOAD_DONE: Final = "文件上传并训练成功：{filename}"
UPLOAD_NOTHING: Final = "训练失败: 文件中没有可用的记录"
UPLOAD_FAILED: Final = "文件上传失败: 服务暂时不可用，请稍后重试"

# Combine
BODY_EMPTY: Final = "请求体不能为空"
COLLECTIONS_NEEDED: Final = "collection_names 参数必须是非空数组"
COLLECTIONS_UNKNOWN: Final = "不支持的集合名称: {names}"
STRATEGY_WRONG: Final = "keep_strategy 必须是 'first', 'last' 或 'by_metadata_time'"
COMBINE_PREVIEW: Final = "发现 {removed} 条重复记录，预计删除后将从 {before} 条减少到 {after} 条记录"
COMBINE_DONE: Final = "成功合并重复记录，删除了 {removed} 条重复记录，从 {before} 条减少到 {after} 条记录"
COMBINE_FAILED: Final = "合并操作失败: 数据库暂时不可用，请稍后重试"

# Single pairs of the old entry
TRAIN_DONE_MESSAGE: Final = "Question-SQL pair trained successfully"
TRAIN_DONE: Final = "问题-SQL对训练成功"
TRAIN_SQL_NEEDED: Final = "缺少必需参数：sql"
TRAIN_FAILED: Final = "训练失败，请稍后重试"
ERROR_PAIR_DONE_MESSAGE: Final = "错误SQL对已成功存储到error_sql集合"
ERROR_PAIR_DONE: Final = "错误SQL对已成功存储"
ERROR_PAIR_NEEDED: Final = "question和sql参数都是必需的"
ERROR_PAIR_FAILED: Final = "存储错误SQL失败，请稍后重试"

# Review
CONFLICTS_DONE: Final = "共发现 {total} 个问题对应多条不同的SQL"
QUARANTINE_DONE: Final = "共有 {total} 条待审核记录"
REVIEW_DONE: Final = "审核完成，成功{done}条，失败{failed}条"
REVIEW_NOTHING: Final = "没有可审核的记录"
NOT_PENDING: Final = "记录不存在或已审核"
STATUS_WRONG: Final = "status 必须是 pending, approved 或 rejected"
DRIFT_DONE: Final = "检查了 {examined} 条问答对，其中 {drifted} 条SQL已失效"
REVIEW_FAILED: Final = "训练数据审核失败，请稍后重试"
DRIFT_CLI_HELP: Final = "列出SQL已不再通过安全检查或EXPLAIN的问答对；有失效时退出码为1"
DRIFT_CLI_TENANT_HELP: Final = "租户名"
DRIFT_CLI_LIMIT_HELP: Final = "最多检查多少条问答对"
