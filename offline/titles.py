"""What output columns are called, in the language of the question."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from offline.relations import Field, Relation
from offline.text import has_cjk

_WORDS: Final = {
    "sum": ("总", "total "),
    "avg": ("平均", "average "),
    "max": ("最高", "highest "),
    "min": ("最低", "lowest "),
    "day_avg": ("日均", "daily average "),
    "month_avg": ("月均", "monthly average "),
    "year_avg": ("年均", "yearly average "),
    "newest": ("最新", "latest "),
    "oldest": ("最早", "earliest "),
}
_BUCKETS: Final = {
    "day": ("日期", "date"),
    "week": ("周", "week"),
    "month": ("月份", "month"),
    "quarter": ("季度", "quarter"),
    "year": ("年份", "year"),
    "weekday": ("星期", "weekday"),
    "hour": ("小时", "hour"),
    "weekend": ("周末或工作日", "weekend or workday"),
}
_OTHERS: Final = {
    "count": ("数量", "number of "),
    "share": ("占比(%)", "share of {} (%)"),
    "growth": ("增长率(%)", "growth of {} (%)"),
    "previous": ("对比期", "earlier "),
    "difference": ("差额", "difference of "),
    "ratio": ("比值", "ratio"),
    "running": ("累计", "cumulative "),
    "list": ("列表", "list of "),
    "records": ("记录数", "number of records"),
    "whole": ("(全部)", "all "),
    "part": ("分表", "part"),
    "together": ("合计", "total of "),
    "days": ("天数", "number of days"),
    "rank": ("排名", "rank"),
}


class Titles:
    """Titles for one question; every title is given once."""

    def __init__(self, *, is_english: bool) -> None:
        self._place = 1 if is_english else 0
        self._given: set[str] = set()

    def of_field(self, item: Field) -> str:
        return self.unique(item.title)

    def aggregate(self, function: str, name: str) -> str:
        """总营收, `average rating`; a name that says it already stays."""
        word = _WORDS.get(function, ("", ""))[self._place]
        if name.casefold().startswith(word.strip().casefold()) and word:
            return self.unique(name)
        return self.unique(word + name)

    def count(self, relation: Relation | None, name: str = "") -> str:
        """服务区数量, `number of orders`."""
        if relation is None and not name:
            return self.unique(_OTHERS["records"][self._place])
        noun = name or (relation.title if relation is not None else "")
        word = _OTHERS["count"][self._place]
        return self.unique(noun + word if word == "数量" else word + noun)

    def bucket(self, grain: str) -> str:
        return self.unique(_BUCKETS[grain][self._place])

    def form(self, form: str, name: str = "") -> str:
        """A title for a share, a growth, a difference of something."""
        word = _OTHERS[form][self._place]
        if "{}" in word:
            return self.unique(word.format(name) if name else word.replace(" of {}", ""))
        return self.unique(word + name if self._place or word in ("累计",) else name + word)

    def unique(self, title: str) -> str:
        """`title`, numbered when it was given before; cut to what PostgreSQL keeps of a name."""
        plain = _cut(title.strip())
        result, number = plain, 2
        while result in self._given:
            result = f"{plain}{number}"
            number += 1
        self._given.add(result)
        return result

    def forget(self, titles: Iterable[str]) -> None:
        """Titles that may be given again."""
        self._given -= set(titles)


def _cut(title: str) -> str:
    """At most 60 bytes."""
    data = title.encode()
    return title if len(data) <= 60 else data[:60].decode(errors="ignore")


def is_chinese(title: str) -> bool:
    """True for a title a Chinese sentence can hold."""
    return has_cjk(title)
