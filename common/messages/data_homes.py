"""Texts about where the embedded servers keep their data."""

from __future__ import annotations

from typing import Final

OWN: Final = "本目录的内置数据库位于：{path}"
KEPT_AT: Final = "内置数据库的数据位于 {path}，删除项目目录后仍会保留（make clean-data 删除，make data-homes 列出）"
STATE_OWN: Final = "[本目录]"
STATE_RUNNING: Final = "[正在运行]"
STATE_STALE: Final = "[项目目录已删除]"
STALE: Final = "{count} 个目录的项目已经删除，共占用 {size}：make data-homes REMOVE=stale 可以删除它们"
NOTHING_TO_REMOVE: Final = "没有可以删除的数据"
CONFIRM: Final = "将永久删除以上 {count} 个目录中的全部数据库。输入 {word} 确认："
YES: Final = "yes"
NOTHING_REMOVED: Final = "没有删除任何数据"
REMOVED: Final = "已删除 {path}"
IN_USE: Final = "{path} 的服务正在运行，请先停止它，未删除"
NOT_REMOVED: Final = "无法删除 {path}：{reason}"
