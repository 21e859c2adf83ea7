"""Texts of the data pipeline: what a task's owner reads, what stands in its files, and the words questions are made of.

Files' words follow docs/contract/pipeline.md to the letter; question templates are filled with `str.format`.
"""

from __future__ import annotations

from typing import Final

# Why a step ends
NO_VALID_TABLE: Final = "表清单文件不包含有效的表名"
TOO_MANY_TABLES: Final = "表名数量不能超过 {limit} 个，当前 {count} 个"
TABLE_LIST_NOT_TEXT: Final = "文件编码错误，请确保文件为UTF-8或GBK格式"
TABLE_LIST_MISSING: Final = "表清单文件不存在: {path}，请先上传表清单文件"
TABLE_NOT_FOUND: Final = "表 {table} 不存在或无权限访问"
ALL_TABLES_FAILED: Final = "所有表均处理失败：{detail}"
SAMPLES_FAILED: Final = "读取表 {table} 的样例数据失败，已跳过样例"
PERMISSION_WARNING: Final = "以下表不存在或没有查询权限: {tables}"
WRITABLE_WARNING: Final = "数据库连接不是只读的，建议使用只读账号"
INVALID_NAMES_SKIPPED: Final = "已跳过无效的表名: {names}"
SYSTEM_TABLES_SKIPPED: Final = "已过滤系统表: {names}"
FILES_NOT_VALID: Final = "文件验证失败: {detail}"
FILES_MISSING: Final = "缺少表 {tables} 的DDL或文档文件，请先执行ddl_generation步骤"
ALL_THEMES_FAILED: Final = "所有主题均未能生成问答对：{detail}"
NO_THEMES: Final = "未能得到任何业务主题"
NO_PAIR_FILE: Final = "未找到待验证的问答文件（*_pair.json），请先执行qa_generation步骤"
PAIR_FILE_UNREADABLE: Final = "问答文件格式错误，无法解析: {file}"
NO_PAIRS: Final = "问答文件中没有有效的问答对: {file}"
NO_TRAINING_FILES: Final = "训练数据加载失败：未找到可处理的训练文件"
NOTHING_LOADED: Final = "训练数据加载失败：没有任何内容写入训练库。{detail}"
NO_VECTOR_TABLES: Final = "当前环境不支持向量表备份与清空"
FILE_TOO_LARGE: Final = "文件过大，已跳过: {file}"
FILE_UNREADABLE: Final = "文件无法解析，已跳过: {file}"
SQL_WITHOUT_QUESTION: Final = "文件 {file} 中的 {count} 条SQL没有问题，未配置模型，已跳过"
CANCELLED: Final = "任务已取消"
TASK_RUNNING: Final = "任务正在执行中: {task_id}"
FILE_ERROR: Final = "任务目录读写失败：{detail}"
BACKUP_FAILED: Final = "备份上次运行的文件失败: {files}"
MODEL_REPLY_UNUSABLE: Final = "模型的回答不可用：{detail}"
REPLY_NOT_JSON: Final = "回答不是有效的JSON"
REPLY_WRONG_SHAPE: Final = "回答缺少需要的内容"
INTERRUPTED_RUN_RESUMED: Final = "继续执行上次中断的任务"

# Progress and the task log
STEP_STARTED: Final = "开始执行"
STEP_COMPLETED: Final = "执行完成，耗时 {seconds:.2f} 秒"
STEP_TAKEN_OVER: Final = "沿用上次运行已完成的结果"
TABLE_DONE: Final = "表 {table} 处理完成"
TABLE_FAILED: Final = "表 {table} 处理失败: {detail}"
CHOOSING_THEMES: Final = "归纳业务主题"
THEME_DONE: Final = "主题 {theme} 已生成 {count} 个问答对"
THEME_FAILED: Final = "主题 {theme} 生成失败: {detail}"
PAIRS_VALIDATED: Final = "已验证 {done}/{total} 条SQL"
EDITED_FILE_KEPT: Final = "文件 {file} 已被人工修改，保留原文件，新内容写入 {written}"
SCHEMA_CHANGED: Final = "表结构变更：新增表 {added}，变更表 {changed}，删除表 {removed}"
TEXTS_QUARANTINED: Final = "{count} 条训练数据的文本可疑，已隔离，等待管理员审核"
RECORDS_QUARANTINED: Final = "{count} 条训练数据的SQL不再可用，已隔离"
LOADED: Final = "已加载 {count} 条训练数据，其中新增 {added} 条"

# DDL and documentation files
DDL_TITLE: Final = "中文名"
DDL_DESCRIPTION: Final = "描述"
COMMENT_JOINER: Final = "，"
COMMENT_END_PATTERN: Final = "[，。]"
LENGTH_NOTE_PATTERN: Final = r"[（(]\d+字[）)]"
PRIMARY_KEY: Final = "主键"
FOREIGN_KEY: Final = "外键"
NOT_NULL: Final = "非空"
SAMPLES: Final = "示例"
VALUE_JOINER: Final = "、"
DOCUMENT_DEFAULT_TITLE: Final = "数据表"
DOCUMENT_TITLE: Final = "## {table}（{title}）"
DOCUMENT_SENTENCE: Final = "{table} 表{comment}"
DOCUMENT_COLUMNS: Final = "字段列表："
DOCUMENT_NOTES: Final = "字段补充说明："
NOTE_PRIMARY_KEY: Final = "- {column} 为主键"
NOTE_COMPOSITE_KEY: Final = "- 复合主键：{columns}"
NOTE_FOREIGN_KEY: Final = "- {column} 关联 {target}"
NOTE_ENUM: Final = "- {column} 为枚举字段，包含取值：{values}"
NOTE_SUSPECTED_ENUM: Final = "- {column} 疑似枚举字段"
NOTE_UUID: Final = "- {column} 为UUID格式的标识"
NOTE_AUTOMATIC_TIME: Final = "- {column} 的时间由系统自动写入"
NOTE_JSON: Final = "- {column} 为JSON格式的数据"
NOTE_RELATION_TABLE: Final = "- {table} 为关联表，用于连接其他表"
SUSPECTED_ENUM_WORDS: Final = ("状态", "类型", "级别", "方向", "品类", "模式", "格式", "性别")
MAPPING_HEAD: Final = ("# 文件名映射报告", "# 格式: 原始表名 -> 实际文件名")

# metadata.txt, metadata_detail.md, db_query_decision_prompt.txt (contract 5.5)
METADATA_SQL_HEAD: Final = """-- Schema Tools生成的主题元数据
-- 业务背景: {context}
-- 生成时间: {created}
-- 数据库: {database}

-- 创建表（如果不存在）
CREATE TABLE IF NOT EXISTS metadata (
    id SERIAL PRIMARY KEY,    -- 主键
    topic_name VARCHAR(100) NOT NULL,  -- 业务主题名称
    description TEXT,                  -- 业务主体说明
    related_tables TEXT[],             -- 相关表名
    biz_entities TEXT[],               -- 主要业务实体名称
    biz_metrics TEXT[],                -- 主要业务指标名称
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP    -- 插入时间
);

-- 插入主题数据
"""
METADATA_DOCUMENT: Final = """## metadata（存储分析主题元数据）
`metadata` 主要描述了当前数据库包含了哪些数据内容，哪些分析主题，哪些指标等等。
字段列表：
- `id` (serial) - 主键ID [主键, 非空]
- `topic_name` (varchar(100)) - 业务主题名称 [非空] [示例: {topics}]
- `description` (text) - 业务主题说明 [示例: {descriptions}]
- `related_tables` (text[]) - 涉及的数据表 [示例: {tables}]
- `biz_entities` (text[]) - 主要业务实体名称 [示例: {entities}]
- `biz_metrics` (text[]) - 主要业务指标名称 [示例: {metrics}]
- `created_at` (timestamp) - 记录创建时间 [默认值: CURRENT_TIMESTAMP]
字段补充说明：
- `id` 为主键，自增；
- `related_tables` 用于建立主题与具体明细表的依赖关系；
- `biz_entities` 表示主题关注的核心对象；
- `biz_metrics` 表示该主题关注的业务分析指标。"""
SCOPE_HEAD: Final = "=== 数据库业务范围 ==="
SCOPE_SENTENCE: Final = "当前数据库存储的是{context}的相关数据，主要涉及{subjects}，包含以下业务数据："
SCOPE_ENTITIES: Final = "核心业务实体："
SCOPE_METRICS: Final = "关键业务指标："

# Reports of the validation
REPORT_TITLE: Final = "SQL验证报告"
REPORT_LINES: Final = (
    ("输入文件", "file"),
    ("SQL总数", "original_sql_count"),
    ("有效SQL", "valid_sql_count"),
    ("无效SQL", "invalid_sql_count"),
    ("成功率", "rate"),
    ("尝试修复", "attempted"),
    ("修复成功", "successful"),
    ("修复失败", "failed"),
)
REPORT_INVALID: Final = "无效的SQL："
REPORT_QUESTION: Final = "问题"
REPORT_ERROR: Final = "错误"
CHANGES_TITLE: Final = "文件修改日志"
CHANGES_FILE: Final = "修改的文件"
CHANGES_MODIFIED: Final = "修改的SQL："
CHANGES_DELETED: Final = "删除的问答对："
CHANGES_BEFORE: Final = "原SQL"
CHANGES_AFTER: Final = "新SQL"

# What the offline texts call things
ROW_COUNT: Final = "记录数"
COUNT_OF: Final = "{noun}数量"
TOTAL_OF: Final = "总{measure}"
AVERAGE_OF: Final = "平均{measure}"
SHARE: Final = "占比"
MONTH: Final = "月份"
YEAR: Final = "年份"
THEME_STATISTICS: Final = "{noun}统计分析"
THEME_RECORDS: Final = "{noun}信息查询"
THEME_STATISTICS_TEXT: Final = "按日期、类别和名称统计{noun}的{measures}"
THEME_RECORDS_TEXT: Final = "查询{noun}的数量、分布和明细"
LIST_JOINER: Final = "、"
ENTITY_LINE: Final = "- {entity}"
METRIC_LINE: Final = "- {metric}"
AND: Final = "和"
TOTAL_WORD: Final = "总"

# Question templates: `{noun}` of a table, `{m}` a measure, `{label}` a naming column, `{c}` a category, `{v}` a value
Q_COUNT: Final = "{noun}一共有多少个？"
Q_COUNT_ROWS: Final = "{noun}一共有多少条记录？"
Q_COUNT_BY_CATEGORY: Final = "各{c}的{noun}分别有多少个？"
Q_COUNT_OF_VALUE: Final = "{c}为{v}的{noun}有多少个？"
Q_LIST_OF_VALUE: Final = "{c}为{v}的{noun}有哪些？"
Q_LIST: Final = "列出所有{noun}的{label}"
Q_ATTRIBUTE: Final = "{v}的{c}是什么？"
Q_TOTAL: Final = "{m}总共是多少？"
Q_TOTAL_OF_DAY: Final = "{day}的{m}是多少？"
Q_TOTAL_OF_MONTH: Final = "{month}的{m}是多少？"
Q_BY_DAY: Final = "{month}每天的{m}是多少？"
Q_BY_MONTH: Final = "{year}每个月的{m}是多少？"
Q_TOP_OF_DAY: Final = "{day}{m}最高的{n}个{label}是哪些？"
Q_TOP_OF_MONTH: Final = "{month}{m}最高的{n}个{label}是哪些？"
Q_OF_VALUE: Final = "{v}{month}的{m}是多少？"
Q_BY_CATEGORY: Final = "{month}各{c}的{m}是多少？"
Q_BY_CATEGORY_ALWAYS: Final = "各{c}的{m}是多少？"
Q_LAST_DAYS: Final = "最近7天每天的{m}是多少？"
Q_TOP: Final = "{m}最高的{n}个{label}是哪些？"
Q_MORE: Final = "{month}的{m}和{m2}分别是多少？"
Q_JOIN_COUNT: Final = "每个{parent}有多少个{noun}？"
Q_JOIN_LIST: Final = "{v}有哪些{noun}？"
Q_JOIN_TOTAL: Final = "{month}各{parent}的{m}是多少？"
Q_JOIN_TOTAL_ALWAYS: Final = "各{parent}的{m}是多少？"
Q_JOIN_TOP: Final = "{month}{m}最高的{n}个{parent}是哪些？"
Q_LINK_LIST: Final = "{v}有哪些{noun}？"
Q_LINK_COUNT: Final = "每个{parent}关联了多少个{noun}？"
DAY_TEXT: Final = "{year}年{month}月{day}日"
MONTH_TEXT: Final = "{year}年{month}月"
YEAR_TEXT: Final = "{year}年"

# Command line
DEFAULT_CONTEXT: Final = "数据库管理系统"
CLI_TABLE_LIST_MISSING: Final = "表清单文件不存在: {path}"
CLI_STEP_MISSING: Final = "步骤执行模式需要指定step_name"
