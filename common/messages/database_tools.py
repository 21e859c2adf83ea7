"""Texts of the database tools (docs/contract/databases.md) and of the check of database addresses in requests."""

from __future__ import annotations

from typing import Final

TABLES_LISTED: Final = "获取表列表成功"
TABLES_FAILED: Final = "获取表列表失败: {reason}"
TABLE_READ: Final = "获取表{kind}成功"
TABLE_FAILED: Final = "获取表{kind}失败: {reason}"
STRUCTURE_FAILED: Final = "获取表结构失败: {reason}"
TYPE_WRONG: Final = "无效的type参数: {value}，支持的值: ['ddl', 'md', 'both']"
PATTERN_WRONG: Final = "参数 table_name_pattern 不是有效的匹配模式"
TOO_LONG: Final = "参数 {name} 过长：最多 {limit} 个字符"

# Why a database did not answer; never its address, login or own words about them
DATABASE_UNREACHABLE: Final = "数据库连接失败或已中断"
LOGIN_REFUSED: Final = "数据库拒绝了登录：用户名、密码或访问权限不正确"
DATABASE_MISSING: Final = "要连接的数据库不存在"
DATABASE_TOO_SLOW: Final = "数据库处理超时"
DATABASE_TOO_MUCH: Final = "数据库返回的内容过大"
DATABASE_REFUSED: Final = "数据库拒绝了操作（{sqlstate}）"
TOO_MANY_CONNECTIONS: Final = "数据库工具繁忙，请稍后重试"

# Addresses
ADDRESS_INVALID: Final = "参数 db_connection 无效：应为 postgresql://用户名:密码@主机:端口/数据库，不支持其他连接参数"
ADDRESS_NOT_ALLOWED: Final = "不允许连接参数 db_connection 指定的数据库，请使用已配置的数据库或联系管理员"
ALLOWED_LIST_WRONG: Final = "DATABASE_TOOLS_ALLOWED 的条目 {entry} 无效：应为 主机、主机:端口 或网段（如 10.1.0.0/16）"
