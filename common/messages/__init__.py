"""Every text a user can read, in one place. Historical texts (docs/contract/envelope.md) are kept to the letter.

Constants are complete sentences; a text with `{placeholders}` is filled with `str.format`.
Texts of the envelope and of questions stand here; a feature's own texts in the module of this package that bears its
name.
"""

from __future__ import annotations

from typing import Final

# Envelope categories (docs/contract/envelope.md)
SUCCESS: Final = "操作成功"
BAD_REQUEST: Final = "请求参数错误"
VALIDATION_FAILED: Final = "参数验证失败"
NOT_FOUND: Final = "资源未找到"
INTERNAL_ERROR: Final = "系统内部错误"
SERVICE_UNAVAILABLE: Final = "服务暂时不可用"
PROCESSING_FAILED: Final = "处理失败"
OPERATION_FAILED: Final = "操作失败"
FILE_OPEN_TO_ALL: Final = "【警告】{path} 的权限是 {mode}，本机所有用户都能读取其中的密钥，请执行 chmod 600 {path}"
FORBIDDEN: Final = "没有权限"
METHOD_NOT_ALLOWED: Final = "请求方法不支持"
PAYLOAD_TOO_LARGE: Final = "请求内容过大"
CONFLICT: Final = "请求与当前状态冲突"
QUOTA_EXCEEDED: Final = "超出使用额度"

# Requests
PATH_NOT_FOUND: Final = "请求的路径不存在：{path}"
METHOD_NOT_SUPPORTED: Final = "路径 {path} 不支持 {method} 方法"
MALFORMED_JSON: Final = "请求格式错误：需要JSON格式的数据"
JSON_OBJECT_NEEDED: Final = "请求格式错误：请求体必须是JSON对象"
MISSING_PARAMETER: Final = "缺少必需参数：{name}"
INVALID_PARAMETER: Final = "参数 {name} 的值无效"
QUESTION_TOO_LONG: Final = "问题过长：最多 {limit} 个字符，当前 {length} 个"
MALFORMED_REQUEST: Final = "请求格式错误"
ADMIN_ONLY: Final = "此接口仅限管理员使用"
ADMIN_CREDENTIAL_WRONG: Final = (
    "请求携带的管理员令牌不正确；请更正 Authorization 请求头，或不带该请求头以普通用户身份重试"
)
HOST_MALFORMED: Final = "请求头 Host 格式错误：必须是主机名或 IP 地址，可带端口"
HOST_NOT_SERVED: Final = "服务不接受以此主机名访问的请求；如确需使用该主机名，请将其加入 ALLOWED_HOSTS 设置"
ORIGIN_NOT_ALLOWED: Final = "不接受来自其他网站页面的请求；如确需允许该来源，请将其加入 ALLOWED_ORIGINS 设置"
JSON_TYPE_NEEDED: Final = "请求格式错误：请求头 Content-Type 必须声明为 application/json"
CONVERSATIONS_FULL: Final = "今天新建的对话过多，请继续已有的对话或稍后再试"
TASKS_FULL: Final = "任务数量已达上限（{limit} 个），请先删除不再需要的任务"
TASK_FILES_FULL: Final = "该任务的文件总大小已达上限（{limit} 字节），请先删除不再需要的任务"
DISK_RESERVED: Final = "磁盘剩余空间不足，文件没有保存"
BACKUPS_FULL: Final = "备份数量已达上限（{limit} 份），请先清理旧的备份文件"
RATE_LIMITED: Final = "请求过于频繁，请在 {seconds} 秒后重试"
PARAMETER_NOT_TEXT: Final = "参数包含无法处理的字符"
PARAMETER_TYPE_WRONG: Final = "参数类型错误：需要字符串，不能是列表或对象"
REQUEST_TIMED_OUT: Final = "处理超时，请稍后重试"
CALLER_LEFT: Final = "请求方已断开连接，处理已停止"
REQUEST_FAILED: Final = "查询处理失败，请稍后重试"

# Identity and conversations
INVALID_ROUTING_MODE: Final = "无效的routing_mode参数值: {value}，支持的值: {allowed}"
USER_MISMATCH: Final = "用户ID不匹配：conversation_id中的用户ID '{owner}' 与提供的用户ID '{user}' 不一致"
USER_ID_WITH_COLON: Final = "用户ID不能包含冒号"
CONVERSATION_STATUS: Final = {
    "new": "创建新对话",
    "continue": "继续已有对话",
    "invalid_id_new": "您请求的对话不存在或无权访问，已为您创建新对话",
}
STORED_ROW_COUNT: Final = "查询执行完成，共返回 {count} 条记录。"
STORED_DATABASE_ANSWER: Final = "数据库查询已处理。"
EMPTY_RESULT: Final = "查询执行成功，但没有找到符合条件的数据"

# Agent
AGENT_HEALTH_DONE: Final = "Agent健康检查完成"
AGENT_HEALTH_FAILED: Final = "Agent健康检查失败"
AGENT_HEALTH_BROKEN: Final = "健康检查失败，请稍后重试"
SOME_COMPONENTS_FAILING: Final = "部分组件异常"
AGENT_CREATION_FAILED: Final = "Agent创建失败: {reason}"
AGENT_FULL_TEST_FAILED: Final = "完整测试失败: {reason}"
AGENT_EMPTY_ANSWER: Final = "测试问题没有得到回答"
AGENT_UNAVAILABLE: Final = "AI服务暂时不可用，请稍后重试"
ROUTED_TO_DATABASE: Final = "配置为直接数据库查询模式"
ROUTED_TO_CHAT: Final = "配置为直接聊天模式"
EXPLANATION_SUFFIX: Final = " 请尝试提问其它问题。"
DAY_WITH_WEEKDAY: Final = "{day}（{weekday}）"
WEEKDAYS: Final = ("星期一", "星期二", "星期三", "星期四", "星期五", "星期六", "星期日")
NO_READABLE_TABLES: Final = "业务数据库里没有可以读取的表，因此无法回答数据问题。请检查连接的数据库和读取权限。"
MISSING_DATABASE_INFO: Final = "数据库中没有相关的表或字段信息，请您提供更多具体信息或修改问题。"
AMBIGUOUS_QUESTION: Final = "您的问题需要更多信息才能准确查询，请提供更详细的描述。"
UNKNOWN_GENERATION_FAILURE: Final = "无法生成有效的SQL查询，请尝试重新描述您的问题。"
SQL_OPERATION_FORBIDDEN: Final = "不允许的操作: {operation}。本系统只支持查询操作(SELECT)。"
SQL_VALIDATION_FAILED: Final = "SQL验证失败: {detail}"
SQL_REPAIR_FAILED: Final = "SQL语法修复失败: 修复后的SQL仍然无效: {detail}"
SQL_REPAIR_EMPTY: Final = "SQL语法修复失败: LLM返回空响应"
SQL_REPAIR_WITHOUT_SQL: Final = "SQL语法修复失败: 模型的回复中没有SQL"
SQL_NOT_REPAIRED: Final = "{reason}（原因：{detail}）"
SQL_REPAIR_TIMEOUT: Final = "SQL语法修复失败: 修复超时（{seconds}秒）"
SQL_EXECUTION_FAILED: Final = "SQL执行失败: {detail}"
ROWS_WITHOUT_SUMMARY: Final = "根据您的问题「{question}」，查询返回了 {count} 条记录。 数据包含以下字段：{columns}。"

# Home and health
SERVICE_RUNNING: Final = "统一API服务正在运行"
COMPONENT_REDIS_LOST: Final = "Redis不可用：没有对话上下文和缓存，仍可回答问题"
COMPONENT_PLATFORM_LOST: Final = "平台数据库不可用：没有训练样例，仍可回答问题"
COMPONENT_BUSINESS_LOST: Final = "业务数据库不可用：无法回答数据问题"
COMPONENT_MODEL: Final = {
    "key_refused": "大模型服务拒绝了访问密钥（401或403）：请检查 LLM_API_KEY 和 LLM_BASE_URL，更正后重启服务",
    "failing": "大模型服务连续出错，已暂停调用：请检查 LLM_BASE_URL 是否可达，以及服务商的状态",
}
COMPONENT_AGENT_LOST: Final = "Agent不可用：无法回答问题"
READER_RIGHTS: Final = {
    "superuser": "超级用户",
    "create_role": "创建账号或数据库",
    "bypass_rls": "绕过行级安全",
    "create_in_database": "在数据库中建模式",
    "temporary_tables": "建临时表",
    "create_in_schema": "在模式中建表",
    "write_tables": "写表",
    "advance_sequences": "推进序列",
    "server_files_or_programs": "读写服务器文件或执行程序",
    "unknown": "权限未能全部查明",
}
BUSINESS_SERVER_TOO_OLD: Final = "业务数据库是 PostgreSQL {version}，最低需要 PostgreSQL {minimum}"
SCHEMA_BEING_READ: Final = "正在读取业务数据库的表结构，请稍后再试"
SCHEMA_READ: Final = "可查询的表和视图：{tables}"
SCHEMA_PROGRESS: Final = "正在读取表结构：已读取 {read}/{columns} 个字段"
RECORDS_TRAINED: Final = "训练记录：{count}"
COMPONENT_BUSINESS_RIGHTS_UNKNOWN: Final = "业务数据库账号的权限未能查明"
COMPONENT_BUSINESS_EXCESS: Final = "业务数据库账号的权限超出允许范围：{excess}。修复：{mending}"
EXCESS_COLUMNS: Final = "可读取禁止查询的字段 {names}"
EXCESS_FUNCTIONS: Final = "可调用以所有者权限运行的函数 {names}"
EXCESS_SCHEMAS: Final = "可读取其他模式 {names}"
EXCESS_NEEDS_ANOTHER_LOGIN: Final = "改用只读账号（python -m scripts.reader_role）"
COMPONENT_BUSINESS_CAN_WRITE: Final = "业务数据库账号拥有写权限：{reasons}"

# Stores
DATABASE_UNAVAILABLE: Final = "数据库暂时不可用，请稍后重试"
DATABASE_BUSY: Final = "数据库繁忙，请稍后重试"
REDIS_UNAVAILABLE: Final = "Redis暂时不可用，请稍后重试"
RECORD_NOT_FOUND: Final = "记录不存在"

# Settings
SETTINGS_INVALID: Final = "配置无效，服务无法启动："
SETTING_PROBLEM: Final = "{name}（来自{source}）的值{shown}无效，应为{expected}"
SETTING_SHOWN: Final = " {value} "
SETTING_HIDDEN: Final = ""
SETTING_SOURCES: Final = {
    "environment": "环境变量",
    "dotenv": "文件 {dotenv_path}",
    "file": "文件 {settings_path}",
    "table": "默认值",
    "caller": "调用方",
}
SETTING_EXPECTED: Final = {
    "int": "整数",
    "float": "数字",
    "bool": "true 或 false",
    "str": "不含控制字符的文本",
    "tuple": "以逗号分隔的文本列表",
    "choices": "以下之一：{choices}",
    "schemes": "以 {schemes} 开头的网址",
    "pattern": "符合格式 {pattern} 的文本",
    "range": "（{minimum} 到 {maximum}）",
    "minimum": "（不小于 {minimum}）",
    "maximum": "（不大于 {maximum}）",
    "environment_only": "只能由环境变量或 .env 设置的配置项，文件中不可设置",
}
SECRET_WORDS: Final = ("密码", "密钥")
AGENT_HEALTH_QUESTION: Final = "你好"
SETTINGS_FILE_UNREADABLE: Final = "配置文件 {path} 无法读取：{reason}"
SETTINGS_FILE_NOT_JSON: Final = "配置文件 {path} 已损坏：不是有效的JSON（第 {line} 行）"
SETTINGS_FILE_NOT_TEXT: Final = "配置文件 {path} 已损坏：不是UTF-8文本"
SETTINGS_FILE_NOT_OBJECT: Final = "配置文件 {path} 已损坏：内容必须是JSON对象"
SETTINGS_FILE_UNWRITABLE: Final = "配置文件 {path} 无法写入：{reason}"
SETTINGS_FILE_LOCKED: Final = "配置文件 {path} 正被另一个进程写入，请稍后重试"

# Launcher and terminal
EXPOSED_TO_ANY_HOST: Final = (
    "【安全警告】服务监听在 {host}（所有网络地址），但 ALLOWED_HOSTS 没有设置，任何域名都可以指向本服务（DNS 重绑定）。"
    "请在 ALLOWED_HOSTS 中列出客户端使用的主机名，或将 HOST 设为 127.0.0.1。"
)
SERVING: Final = "服务已就绪：http://{host}:{port}  （文档 /api/docs，按 Ctrl-C 停止）"
EXPOSED_WITHOUT_ADMIN: Final = (
    "【安全警告】服务监听在 {host}，其他机器可以访问，但 ADMIN_TOKEN 没有设置，管理接口只对本机开放，"
    "本机上的任何程序都是管理员。请设置 ADMIN_TOKEN，或将 HOST 设为 127.0.0.1。"
)
ADMIN_IS_DEMANDED: Final = "无法启动：REQUIRE_ADMIN_TOKEN 已开启，但没有设置 ADMIN_TOKEN。"
ALLOWED_ORIGINS_WRONG: Final = (
    "设置 ALLOWED_ORIGINS 无效：每一项必须是完整的来源，例如 https://portal.example 或 http://10.0.0.5:3000，"
    "不含路径，不能使用通配符。"
)
NETWORKS_WRONG: Final = "设置 {name} 无效：每一项必须是 IP 地址或 CIDR 网段，例如 10.0.0.0/8。"
ALLOWED_HOSTS_WRONG: Final = (
    "设置 ALLOWED_HOSTS 无效：{entry} 不是主机名或 IP 地址；每一项不含协议、端口和路径，不能使用通配符。"
)
TRUSTED_PROXIES_ARE_EVERYBODY: Final = (
    "设置 TRUSTED_PROXIES 无效：0.0.0.0/0 和 ::/0 会让任何调用者都能伪造来源地址；请只列出代理服务器的地址或网段。"
)
PORT_IN_USE: Final = "无法启动：地址 {host}:{port} 已被占用或不可用，请设置 PORT 或停止占用它的进程。"
EXAMPLE_QUESTION: Final = "2023年4月1日总营收最高的5个服务区是哪些？"
ASK_USAGE: Final = f'用法：make ask Q="{EXAMPLE_QUESTION}"'
ROWS_HIDDEN: Final = "还有 {count} 行未显示"
UNREVIEWED_RECORDS: Final = "注意：此答案依据了 {count} 条未经管理员审核的训练数据：{ids}"
PLATFORM_UNREACHABLE_AT_START: Final = "无法连接平台数据库，服务未启动：请检查 DATABASE_URL 和数据库是否可用"
DISK_FULL: Final = "磁盘空间不足，演示数据未装载：请释放空间后重新启动"
DEMO_END_DATE_INVALID: Final = "配置 DEMO_END_DATE 的值 {value} 不是有效日期，应为 YYYY-MM-DD"
DEMO_LOAD_FAILED: Final = "演示业务数据装载失败，请查看日志"
STEP_MIGRATIONS: Final = "正在升级平台数据库……"
STEP_DEMO_DATA: Final = "正在装载演示业务数据 {table} {percent}%"
STEP_READER_ROLE: Final = "正在检查只读账号……"
STEP_TRAINING: Final = "正在装载训练样例……"
RECEIVE_TIMED_OUT: Final = "接收请求超时"
URI_TOO_LONG: Final = "请求地址过长"
HEADERS_TOO_LARGE: Final = "请求头过大"
OVERLOADED: Final = "服务繁忙，请稍后重试"
TOO_MANY_QUERIES: Final = "您同时进行的查询过多，请等待其中一些完成后再试"

# Embedded servers
EMBEDDED_STARTING: Final = "正在启动内置的PostgreSQL和Redis..."
EMBEDDED_CREATING_ACCOUNT: Final = "正在创建系统账号 {account}（PostgreSQL不能以root身份运行）..."
EMBEDDED_COPYING_PROGRAMS: Final = "正在复制数据库程序到 {folder}..."
EMBEDDED_CREATING_DATABASES: Final = "首次启动：正在创建内置数据库..."
EMBEDDED_READY: Final = "内置的PostgreSQL和Redis已就绪"
EMBEDDED_PROGRAMS_MISSING: Final = (
    "当前平台没有内置数据库程序（缺少 {name}）："
    "请安装 requirements.txt，或设置 DATABASE_URL、BUSINESS_DATABASE_URL 和 REDIS_URL"
)
EMBEDDED_NO_ACCOUNT: Final = "无法创建系统账号 {account}：PostgreSQL不能以root身份运行，请改用普通用户启动"
EMBEDDED_NO_SPACE: Final = "磁盘空间不足：{folder} 需要至少 {needed} MB，当前只有 {free} MB"
EMBEDDED_NOT_WRITABLE: Final = "数据目录 {folder} 不可写，请检查权限"
EMBEDDED_OTHER_OWNER: Final = "目录 {folder} 属于另一个用户（uid {uid}），请用同一个用户启动"
EMBEDDED_SOCKET_PATH_TOO_LONG: Final = "数据目录 {folder} 的路径过长，无法创建套接字"
EMBEDDED_DATA_BROKEN: Final = "PostgreSQL数据目录 {folder} 已损坏：{reason}；请从备份恢复，或移走该目录后重新启动"
EMBEDDED_DATA_NO_VERSION: Final = "缺少PG_VERSION文件"
EMBEDDED_DATA_UNREADABLE: Final = "账号 {account} 无法读写"
EMBEDDED_DATA_OTHER_VERSION: Final = "数据版本是 {found}，程序版本是 {expected}"
EMBEDDED_DATA_IN_USE: Final = "PostgreSQL数据目录 {folder} 正被进程 {pid} 使用，请先停止它"
EMBEDDED_SERVER_EXITED: Final = "{server} 启动失败：{detail}（详见 {log}）"
EMBEDDED_SERVER_SILENT: Final = "{server} 在 {seconds} 秒内没有就绪（详见 {log}）"
EMBEDDED_LOCK_HELD: Final = "另一个进程正在启动或停止 {folder} 的内置数据库，等待 {seconds} 秒后仍未完成，请稍后重试"
EMBEDDED_SUPERVISOR_DIED: Final = "内置数据库的管理进程意外退出（详见 {log}）"

# Demo database
DEMO_DATE_TOO_EARLY: Final = "演示数据的结束日期不能早于 {first_day}"
DEMO_TABLES_ARE_FOREIGN: Final = "数据库中已有不属于演示数据的同名表，未做任何改动：{tables}"
DEMO_DATABASE_REFUSED: Final = "数据库拒绝了操作或无法连接（{kind}）"
DEMO_DROPPED: Final = "演示数据已删除"
DEMO_NOTHING_TO_DROP: Final = "没有可删除的演示数据"
DEMO_LOADED: Final = "演示数据已就绪：新增 {rows} 行，用时 {seconds} 秒"
DEMO_CLI_HELP: Final = "装载、补充或删除演示业务数据库"
DEMO_CLI_URL_HELP: Final = "数据库地址（可建表的角色）"
DEMO_CLI_END_DATE_HELP: Final = "数据的最后一天，默认为数据库的当天"
DEMO_CLI_SEED_HELP: Final = "随机种子，仅在新建时使用"
DEMO_CLI_DROP_HELP: Final = "删除演示数据"

# SQL guard and executor
SQL_REFUSED_TEXT: Final = "SQL文本为空或包含不允许的字符"
SQL_REFUSED_TOO_LONG: Final = "SQL文本过长"
SQL_REFUSED_TOO_COMPLEX: Final = "SQL过于复杂：请减少嵌套或条件"
SQL_REFUSED_SYNTAX: Final = "SQL语法不正确或使用了不支持的写法"
SQL_REFUSED_OPERATOR: Final = "SQL使用了不允许的运算符：{name}"
SQL_REFUSED_STATEMENT: Final = "只允许执行SELECT查询"
SQL_REFUSED_MULTIPLE: Final = "一次只允许执行一条SQL语句"
SQL_REFUSED_CONSTRUCT: Final = "SQL使用了不允许的语法：{name}"
SQL_REFUSED_FUNCTION: Final = "SQL使用了不允许的函数：{name}"
SQL_REFUSED_RELATION: Final = "SQL引用了不存在或不允许查询的表：{name}"
SQL_REFUSED_COLUMN: Final = "SQL引用了不允许查询的字段：{name}"
SQL_REFUSED_UNKNOWN_COLUMN: Final = "SQL引用了不存在的字段：{name}"
SQL_REFUSED_UNSETTLED: Final = "SQL中函数返回的字段无法确定，请用 AS 别名(字段名) 指明：{name}"
SQL_REFUSED_NOT_SIMPLE: Final = (
    "业务数据库账号的权限超出允许范围，查询该表时只能使用最简单的写法（每个表一个别名，别名.字段）：{name}"
)
SQL_REFUSED_AMBIGUOUS: Final = "SQL中的名称有歧义，请用表名或别名限定：{name}"
SQL_REFUSED_STAR: Final = "该表含有不允许查询的字段，请逐一列出需要的字段：{name}"
SQL_REFUSED_CAST: Final = "SQL使用了不允许的类型转换：{name}"
SQL_REFUSED_CONSTANT: Final = "SQL中的常量或生成的数据量过大：{name}"
SQL_REFUSED_UNCHECKED: Final = "SQL无法通过安全检查"
SQL_TOO_EXPENSIVE: Final = "查询代价过高，请缩小查询范围或增加过滤条件"
# By SQLSTATE, the longest of code, first four and first two characters; for messages that may quote stored values.
SQL_VALUE_TYPE: Final = " {type}"
SQL_VALUE_ERRORS: Final[dict[str, str]] = {
    "22P02": "有一个值不能转换为所需的类型{kind}（SQLSTATE {sqlstate}）",
    "22003": "有一个数值超出类型{kind}的范围（SQLSTATE {sqlstate}）",
    "22007": "有一个值不是合法的日期或时间{kind}（SQLSTATE {sqlstate}）",
    "22008": "有一个日期或时间的值超出范围（SQLSTATE {sqlstate}）",
    "2201B": "正则表达式不合法（SQLSTATE {sqlstate}）",
    "22023": "函数的一个参数值不合法（SQLSTATE {sqlstate}）",
    "2203": "JSON数据不符合所要求的结构（SQLSTATE {sqlstate}）",
    "22": "有一个值不符合语句的要求（SQLSTATE {sqlstate}）",
    "42501": "语句读取了没有权限访问的内容（SQLSTATE {sqlstate}）",
    "42": "语句中的名称、类型或语法不成立（SQLSTATE {sqlstate}）",
    "54": "超出了数据库的限制（SQLSTATE {sqlstate}）",
    "": "数据库执行时报错（SQLSTATE {sqlstate}）",
}
SQL_TIMED_OUT: Final = "查询超时，请缩小查询范围"
SQL_CANCELLED: Final = "查询已取消"
SQL_RESULT_TOO_LARGE: Final = "查询结果过大，请减少字段或行数"
SQL_OUT_OF_MEMORY: Final = "查询占用的内存过多，已被中止，请缩小查询范围或减少聚合内容"
SQL_NEEDS_TOO_MUCH_MEMORY: Final = "查询汇总的数据量过大，请缩小查询范围或减少聚合内容"

# Run SQL
RUN_SQL_DONE: Final = "SQL执行完成，共返回 {count} 条记录"
RUN_SQL_LIMITED: Final = "，已限制显示前 {cap} 条"
RUN_SQL_FAILED: Final = "SQL执行失败，请检查SQL语句是否正确"
BUSINESS_DATABASE_UNAVAILABLE: Final = "业务数据库暂时不可用，请稍后重试"
BUSINESS_DATABASE_BUSY: Final = "业务数据库连接繁忙，请稍后重试"
READER_ROLE_DENIED: Final = "无法创建只读账号 {role}：数据库账号缺少所需权限（{sqlstate}）"

# Model calls
MODEL_UNAVAILABLE: Final = "大模型服务暂时不可用，请稍后重试"
MODEL_TIMED_OUT: Final = "大模型服务响应超时，请稍后重试"
MODEL_BUSY: Final = "大模型调用排队超时，请稍后重试"
MODEL_CIRCUIT_OPEN: Final = "大模型服务连续出错，已暂停调用，请稍后重试"
MODEL_RATE_LIMITED: Final = "大模型服务请求过于频繁，请稍后重试"
MODEL_SERVER_FAILED: Final = "大模型服务内部错误，请稍后重试"
MODEL_UNREACHABLE: Final = "无法连接大模型服务，请稍后重试"
MODEL_REPLY_UNUSABLE: Final = "大模型服务返回了无法使用的内容，请稍后重试"
MODEL_REPLY_CUT: Final = "大模型的回答被截断，没有采用，请换一种更简短的问法"
MODEL_KEY_REFUSED: Final = "大模型服务拒绝了访问密钥，请联系管理员"
MODEL_REQUEST_REFUSED: Final = "大模型服务拒绝了本次请求，请联系管理员"
MODEL_CALL_CANCELLED: Final = "大模型调用已取消"
EMBEDDING_DIMENSION_WRONG: Final = "向量服务返回的向量维度与配置不一致，请联系管理员"
TENANT_BUDGET_EXCEEDED: Final = "今日的大模型用量已达上限（{limit} tokens），请明天再试或联系管理员"
USER_BUDGET_EXCEEDED: Final = "您今日的大模型用量已达上限（{limit} tokens），请明天再试或联系管理员"
PRICES_UNREADABLE: Final = "LLM_PRICES：价格文件 {path} 无法读取或格式不正确"
USAGE_RANGE_WRONG: Final = "参数 from 和 to 必须是先后的日期（YYYY-MM-DD），最多相隔 {days} 天"
MODEL_URL_INVALID: Final = "模型服务地址无效：需要以 http:// 或 https:// 开头的完整地址"
MODEL_URL_WITH_CREDENTIALS: Final = "模型服务地址不能包含用户名或密码，请使用密钥设置"
MODEL_CLASSIFICATION_UNPARSED: Final = "LLM响应解析失败"
PROMPT_FILE_MISSING: Final = "缺少提示词文件：{name}"
PROMPT_FILE_UNVERSIONED: Final = "提示词文件 {name} 的第一行必须是 # version: 版本号"

# Question classification
CLASSIFIED_TRAINED: Final = "与已训练的问题相同或相近: {question}"
CLASSIFIED_ASKS_FOR_DATA: Final = "询问数量或清单，只能由数据回答"
CLASSIFIED_LINKED: Final = "提到数据库中的名称或取值: {words}"
CLASSIFIED_NON_BUSINESS: Final = "包含非业务实体词: {words}"
CLASSIFIED_STRONG: Final = "强业务特征 - 业务实体: {business}, 查询意图: {intents}, SQL: {sql}"
CLASSIFIED_MEDIUM: Final = "中等业务特征 - 业务实体: {business}"
CLASSIFIED_CHAT: Final = "聊天特征: {words}"
CLASSIFIED_UNCERTAIN: Final = "规则分类不确定 - 业务分:{business}, 意图分:{intent}, 聊天分:{chat}"
CLASSIFIER_UNAVAILABLE: Final = "问题分类器不可用，请检查分类词典"
CLASSIFIER_SYSTEM_CATEGORY: Final = "系统查询指示词"
CLASSIFIER_FILE_INVALID: Final = "分类词典 {path} 无效：{reason}"
CLASSIFIER_SECTION_MISSING: Final = "缺少配置部分 {names}"
CLASSIFIER_SECTION_WRONG: Final = "配置部分 {name} 的格式不正确"
CLASSIFIER_WEIGHT_MISSING: Final = "缺少权重 {names}"
CLASSIFIER_WEIGHT_WRONG: Final = "权重 {names} 不是允许范围内的数字"

# Offline brain
OFFLINE_CLASS_NON_BUSINESS: Final = "包含非业务实体词: {words}"
OFFLINE_CLASS_STRONG: Final = "强业务特征 - 业务实体: {business}, 查询意图: {intents}"
OFFLINE_CLASS_MEDIUM: Final = "中等业务特征 - 业务实体: {business}"
OFFLINE_CLASS_CHAT: Final = "聊天特征: {words}"
OFFLINE_CLASS_UNCERTAIN: Final = "规则分类不确定 - 业务分:{business}, 意图分:{intents}, 聊天分:{chat}"
OFFLINE_AMBIGUOUS: Final = "您的问题需要更多信息才能准确查询，请提供更详细的描述。"
OFFLINE_NOT_UNDERSTOOD: Final = (
    "离线引擎没有完全理解这个问题，为避免给出错误的结果没有生成SQL，请尝试重新描述您的问题。"
)
OFFLINE_CANNOT_REPAIR: Final = "离线引擎无法修复这条SQL，请尝试重新描述您的问题。"
OFFLINE_SUMMARY_ONE: Final = "查询结果：{fields}。"
OFFLINE_SUMMARY_FIELD: Final = "{name}为{value}"
OFFLINE_SUMMARY_NOTHING: Final = "空"
OFFLINE_SUMMARY_COUNT: Final = "共查询到{count}条记录。"
OFFLINE_SUMMARY_CUT: Final = "共有{total}条记录，显示前{shown}条。以下仅针对显示的记录："
OFFLINE_SUMMARY_NAMES: Final = "分别为：{names}。"
OFFLINE_SUMMARY_TOTAL: Final = "合计{total}。"
OFFLINE_CHAT_GREETING: Final = (
    "您好！我可以把您的问题转换为数据库查询并给出结果，例如各项数据的合计、排名、占比和趋势。"
)
OFFLINE_CHAT_NEEDS_MODEL: Final = "当前使用离线引擎，只能回答数据查询类问题；自由聊天需要配置大模型服务。"
OFFLINE_CHAT_TABLES: Final = "目前可以查询的数据包括：{tables}。"
OFFLINE_CHAT_THANKS: Final = "不客气，欢迎继续提问。"
OFFLINE_CHAT_BYE: Final = "再见，欢迎随时再来查询数据。"
