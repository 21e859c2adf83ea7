"""Words of short follow-up questions about rows that are already known, for the offline engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

FILLERS: Final = (
    "他们",
    "它们",
    "她们",
    "这些",
    "上面",
    "以上",
    "刚才",
    "那",
    "的",
    "呢",
    "一共",
    "总共",
    "分别",
    "是",
    "多少",
    "几",
    "请问",
    "请",
    "帮我",
    "结果",
    "数值",
    "哪个",
    "谁",
)
"""Left out before the rest is looked up; what remains must be exactly one of the words below."""

OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "sum": ("合计", "总计", "总和", "加起来", "求和", "加总"),
    "average": ("平均", "平均值", "均值"),
    "max": ("最大", "最高", "最多", "最大值"),
    "min": ("最小", "最低", "最少", "最小值"),
    "count": ("行", "条", "行数", "条数"),
}
