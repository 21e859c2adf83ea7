"""One or two true sentences about a result: who leads, who is last, and the sum where one means something.

Nothing is said that the shown rows do not show; a cut result is called cut. Spoken in the language of the question.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from common.answering import ResultSet
from common.messages import offline as messages
from offline.text import is_english

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_MONTH = re.compile(r"((?:19|20)\d\d)-(0[1-9]|1[0-2])")
_NO_FIGURE = re.compile(
    r"(?:编码|编号|号码|代码|电话|邮编|主键|年份|年度|月份|星期|季度|小时|纬度|经度|坐标|日期|(?i:\bid|\bcode|\bno|\byear|\bmonth|"
    r"\bweekday|\bhour|\bquarter|phone|zip|latitude|longitude|number$))$"
)
_NO_SUM = re.compile(
    r"占比|比例|率|平均|日均|月均|年均|均|单价|价格|评分|得分|分数|成绩|年龄|密度|最高|最低|比值|度$|(?i:share|rate|ratio|average|rating|score|price|age\b|"
    r"density|percent|highest|lowest|growth|altitude|length|height)"
)
_PER_CENT = re.compile(r"\(%\)|（%）|占比|百分比|增长率|(?i:percent|share)")
_SHOWN_NAMES = 10


def summarise_rows(result: ResultSet, question: str = "") -> str:
    """The sentences; values are the rows' own, with thousands separators and at most two decimals."""
    speech = _Speech(is_english=is_english(question) if question else False)
    if not result.rows:
        return speech.say("OFFLINE_SUMMARY_NONE")
    figures = [name for name in result.columns if _is_figure(result.rows, name)]
    labels = [name for name in result.columns if name not in figures]
    if len(result.rows) == 1:
        fields = [
            speech.say("OFFLINE_SUMMARY_FIELD", name=_title(n), value=speech.show(result.rows[0][n], n))
            for n in result.columns
        ]
        return speech.say("OFFLINE_SUMMARY_ONE", fields=speech.joined(fields))
    if result.is_limited:
        template = "OFFLINE_SUMMARY_CUT" if result.is_total_exact else "OFFLINE_SUMMARY_AT_LEAST"
        text = speech.say(template, total=result.total_row_count, shown=result.row_count)
    else:
        text = speech.say("OFFLINE_SUMMARY_COUNT", count=result.row_count)
    if figures and labels:
        return text + _ranking(result, labels, figures, speech)
    if not labels:
        labels = list(result.columns[:1])
    names = list(dict.fromkeys(_name(row, labels, speech) for row in result.rows))
    template = (
        "OFFLINE_SUMMARY_NAMES" if len(names) <= _SHOWN_NAMES and not result.is_limited else "OFFLINE_SUMMARY_SOME"
    )
    return text + speech.say(template, names=speech.joined(names[:_SHOWN_NAMES], listing=True))


class _Speech:
    """Templates and values in one language."""

    def __init__(self, *, is_english: bool) -> None:
        self._is_english = is_english

    def say(self, template: str, **values: object) -> str:
        text: str = getattr(messages, template + ("_EN" if self._is_english else ""))
        return text.format(**values)

    def joined(self, parts: Sequence[str], *, listing: bool = False) -> str:
        if self._is_english:
            return ", ".join(parts)
        return ("、" if listing else "，").join(parts)

    def show(self, value: Any, title: str = "") -> str:
        """A value for a sentence: grouped digits, per cent, months by name, nothing else changed."""
        if value is None:
            return self.say("OFFLINE_SUMMARY_NOTHING")
        number = _decimal(value)
        if number is None or _NO_FIGURE.search(title):
            return self._month(str(value), title)
        rounded = round(number, 2)
        whole = rounded == rounded.to_integral()
        text = format(rounded.to_integral() if whole else rounded, ",f")
        return text + ("%" if _PER_CENT.search(title) else "")

    def _month(self, text: str, title: str) -> str:
        if match := _MONTH.fullmatch(text):
            if not self._is_english:
                return messages.OFFLINE_MONTH.format(year=match[1], month=int(match[2]))
        elif title.endswith("月份") and text.isdigit() and int(text) <= 12:
            return messages.OFFLINE_UNIT_MONTH.format(number=int(text))
        return text


def _ranking(result: ResultSet, labels: Sequence[str], figures: Sequence[str], speech: _Speech) -> str:
    figure = _ranked_figure(result.rows, figures)
    rows = sorted(
        (row for row in result.rows if _decimal(row[figure]) is not None),
        key=lambda row: _decimal(row[figure]) or Decimal(0),
        reverse=True,
    )
    if not rows:
        return ""
    first, last = rows[0], rows[-1]
    title = _title(figure)
    if _decimal(first[figure]) == _decimal(last[figure]):
        names = speech.joined([_name(row, labels, speech) for row in rows[:_SHOWN_NAMES]], listing=True)
        return speech.say("OFFLINE_SUMMARY_SAME", names=names, measure=title, value=speech.show(first[figure], figure))
    text = speech.say(
        "OFFLINE_SUMMARY_MOST",
        measure=title,
        highest=_name(first, labels, speech),
        most=speech.show(first[figure], figure),
    )
    if len(rows) > 2:
        text += speech.say(
            "OFFLINE_SUMMARY_SECOND", second=_name(rows[1], labels, speech), next=speech.show(rows[1][figure], figure)
        )
    text += speech.say(
        "OFFLINE_SUMMARY_LEAST", lowest=_name(last, labels, speech), least=speech.show(last[figure], figure)
    )
    if result.is_limited or _NO_SUM.search(figure) or len(labels) != 1:
        return text
    total = sum((_decimal(row[figure]) or Decimal(0) for row in rows), Decimal(0))
    return text + speech.say("OFFLINE_SUMMARY_TOTAL", total=speech.show(total, figure))


def _ranked_figure(rows: Sequence[Mapping[str, Any]], figures: Sequence[str]) -> str:
    """The figure the rows are ordered by, else the first."""
    for figure in figures:
        values = [_decimal(row[figure]) for row in rows]
        known = [value for value in values if value is not None]
        if len(set(known)) > 1 and (known == sorted(known) or known == sorted(known, reverse=True)):
            return figure
    return figures[0]


def _name(row: Mapping[str, Any], labels: Sequence[str], speech: _Speech) -> str:
    return " ".join(speech.show(row[label], label) for label in labels[:2])


def _title(name: str) -> str:
    return name.replace("(%)", "").replace("（%）", "").strip()


def _is_figure(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    if _NO_FIGURE.search(name):
        return False
    values = [row[name] for row in rows if row[name] is not None]
    return bool(values) and all(_decimal(value) is not None for value in values)


def _decimal(value: Any) -> Decimal | None:
    """The value as a number; sums of whole numbers come as text. A text with leading zeros is a code."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, (int, float, Decimal)):
        number = Decimal(str(value))
        return number if number.is_finite() else None
    if isinstance(value, str) and len(value) <= 30 and _NUMBER.fullmatch(value):
        try:
            return Decimal(value)
        except InvalidOperation:
            return None
    return None
