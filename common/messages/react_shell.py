"""Texts of the ReAct agent's terminal."""

from __future__ import annotations

from typing import Final

WELCOME: Final = "ReAct 智能问答（{engine}）。直接输入问题；/help 查看命令，/quit 退出。"
OFFLINE: Final = "离线引擎"
HELP: Final = """\
/new            开始新的会话
/thread         显示当前会话编号和最近的会话
/thread 编号    切换到列表中的第几个会话，或完整的会话ID
/history        显示当前会话的问答
/sql            显示上一个回答使用的SQL和数据
/tools          列出智能体可用的工具
/help           显示本帮助
/quit           退出
Ctrl-C 停止正在回答的问题，Ctrl-D 退出。"""
NEW_THREAD: Final = "已开始新的会话"
THREAD: Final = "当前会话：{thread_id}"
NO_THREAD: Final = "当前没有会话，提问后自动创建"
THREAD_ITEM: Final = "  {number}. {title}  （{thread_id}，{updated_at}）"
THREAD_CHOSEN: Final = "已切换到会话 {thread_id}"
THREAD_UNKNOWN: Final = "没有这个会话：{wanted}"
NO_THREADS: Final = "还没有历史会话"
NO_SQL: Final = "上一个回答没有使用SQL"
ROWS: Final = "共 {total} 行，显示 {shown} 行"
TOOL: Final = "  {name}  {description}"
COMMAND_UNKNOWN: Final = "没有这个命令：{command}，/help 查看命令"
FAILED: Final = "错误：{reason}"
CAN_RETRY: Final = "（可以稍后重试）"
STOPPED: Final = "已停止"
STEP: Final = "… {name}"
ASKED: Final = "问：{text}"
ANSWERED: Final = "答：{text}"
GOODBYE: Final = "再见"
USER_INVALID: Final = "用户ID无效：不能为空、超过50个字符，或包含冒号和控制字符"
