"""Texts of the vector tables' backup and restore (docs/contract/databases.md)."""

from __future__ import annotations

from typing import Final

TASK_ID_WRONG: Final = "无效的task_id格式，只能包含字母、数字和下划线"
TASK_MISSING: Final = "指定的任务目录不存在: {task_id}"
BACKED_UP: Final = "Vector表备份完成"
BACKUP_FAILED: Final = "Vector表备份失败，请稍后重试"
SOME_BACKUPS_FAILED: Final = "部分表备份失败"
LISTED: Final = "成功扫描到 {locations} 个备份位置，共 {sets} 个备份集"
NOTHING_LISTED: Final = "未找到任何可用的备份文件"
LIST_FAILED: Final = "扫描备份文件失败，请稍后重试"
MISSING_PARAMETERS: Final = "缺少必需参数: {names}"
TABLES_NOT_A_LIST: Final = "tables参数必须是数组格式"
TABLE_UNKNOWN: Final = "不支持的表名: {names}"
STAMP_WRONG: Final = "无效的timestamp格式，应为YYYYMMDD_HHMMSS"
DIRECTORY_MISSING: Final = "备份目录不存在: {path}"
FILES_MISSING: Final = "备份文件不存在: {names}"
RESTORED: Final = "Vector表恢复完成"
RESTORE_FAILED: Final = "Vector表恢复失败，请稍后重试"
REHEARSED: Final = "Vector表恢复演练完成，数据未改动"
TABLE_RESTORE_FAILED: Final = "{table}表恢复失败"
NOTHING_CHANGED: Final = "所有改动已回滚，数据保持不变"
NEEDS_REEMBEDDING: Final = "{count} 条记录没有当前模型的向量，恢复后请运行 python -m scripts.reembed 重新生成向量"

# Why one table failed
ABANDONED: Final = "另一个表失败，已全部放弃"
TABLE_MISSING: Final = "数据库中没有表 {table}"
DISK_FULL: Final = "备份目录所在磁盘空间不足"
FILES_FAILED: Final = "备份文件读写失败: {reason}"
CHECKSUM_WRONG: Final = "备份文件 {file} 已损坏：校验和与备份清单不一致"
ROWS_WRONG: Final = "备份文件 {file} 的行数 {found} 与备份清单的 {expected} 不一致"
MANIFEST_BROKEN: Final = "备份清单 {file} 已损坏"
HEADER_WRONG: Final = "备份文件 {file} 的表头不正确"
RECORD_TOO_LONG: Final = "备份文件 {file} 第 {line} 行附近的记录过长"
METADATA_WRONG: Final = "备份文件 {file} 第 {row} 条记录的 cmetadata 无法解析"
VALUES_REFUSED: Final = "数据库拒绝了备份内容: {reason}"

# Why nothing was tried
OTHER_SPACE: Final = (
    "备份的向量来自模型 {model}（维度 {dimension}），当前为 {own_model}（维度 {own_dimension}），不能混用。"
    '如需恢复，请在请求中加入 "allow_reembed": true，恢复后运行 python -m scripts.reembed 重新生成向量'
)
UNKNOWN_MODEL: Final = "未知"
COLLECTION_ALONE: Final = "清空 langchain_pg_collection 会同时删除所有向量，请同时恢复 langchain_pg_embedding"
BUSY: Final = "另一个备份或恢复正在进行，请稍后重试"
PATH_WRONG: Final = "参数 backup_path 无效"

# vector_backup_log.txt
LOG_TITLE: Final = "=== Vector Table Backup Log ==="
