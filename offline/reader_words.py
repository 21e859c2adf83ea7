"""Words and tags the reader goes by, beside the grammar's own."""

from __future__ import annotations

from typing import Final

from offline.reading import Grain

GRAINS: Final[dict[str, Grain]] = {
    "day": "day",
    "week": "week",
    "month": "month",
    "quarter": "quarter",
    "year": "year",
    "weekday": "weekday",
    "hour": "hour",
    "which_day": "day",
}
OPERATORS: Final = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
_PLAIN_FORMS_TEXT = """
share ratio difference growth decline previous year_before running trend spread contrast rank both
or weekend workday higher lower with_today records blocking tables columns in_which_table
together deleted up_to count_days than of_total list nth alphabetical respective created updated siblings
"""
PLAIN_FORMS: Final = tuple(_PLAIN_FORMS_TEXT.split())
"""Forms that are only marked; the planner carries them out."""
_COUNT_AFTER_TEXT = """
数量 个数 总数 总数量 数目 家数 计数 数 量 总量 人数 次数 频次 出现频次 总人数 count counts
"""
COUNT_AFTER: Final = frozenset(_COUNT_AFTER_TEXT.split())
"""Words for a count that stand behind what they count."""
PURPOSES: Final = frozenset(["用于", "用以", "以便", "辅助", "为了", "综合", "综合评估", "支撑"])
ALSO_VERBS: Final = frozenset({"达到", "达", "满", "超", "up to"})
_BEFORE_LITERAL_TEXT = """
of in the for with from to at on called ' " ` 的 叫 为 是 id
"""
BEFORE_LITERAL: Final = frozenset(_BEFORE_LITERAL_TEXT.split())
LIKELY_TABLE, SURE_NAME, STRONG_NAME = 0.5, 0.8, 0.9
_FORMS_OVER_NAMES_TEXT = """
sum avg max min count high low first last group gt lt ge le which higher lower day week month
quarter year list share ratio records newest oldest order hour weekday negation deleted
"""
FORMS_OVER_NAMES: Final = frozenset(_FORMS_OVER_NAMES_TEXT.split())
"""Forms that a column of the same name must not hide."""
