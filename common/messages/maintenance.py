"""Texts of read-only mode and of its route."""

from __future__ import annotations

from typing import Final

REFUSED: Final = "服务处于只读模式，暂不接受写入：{reason}"
USUAL_REASON: Final = "系统维护中"
UNKNOWN_STATE: Final = "无法确认服务状态"
SWITCHED_ON: Final = "已进入只读模式"
SWITCHED_OFF: Final = "已退出只读模式"
IS_ON: Final = "服务处于只读模式"
IS_OFF: Final = "服务处于正常读写模式"
REASON_TOO_LONG: Final = "参数 reason 的值无效：最多 {limit} 个字符"
