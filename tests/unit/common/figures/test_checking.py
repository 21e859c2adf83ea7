"""A text may state what rows, question and statement give, however it writes it, and nothing else."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.answering import ResultSet
from common.figures import CheckedWriting, unknown_figures
from offline.summary import summarise_rows

AREAS = ResultSet(
    ("服务区", "总营收", "日期"),
    (
        {"服务区": "G60宜春服务区", "总营收": "1234567.89", "日期": "2025-09-01"},
        {"服务区": "庐山服务区", "总营收": "934567.10", "日期": "2025-08-31"},
    ),
    2,
)
FULL_WIDTH = str.maketrans("0123456789.,%", "０１２３４５６７８９．，％")
LABELS = st.text("甲乙丙丁区站AB", min_size=1, max_size=4)
MONEY = st.decimals(min_value=10_000, max_value=10**12, places=2)
ROWS = st.lists(st.tuples(LABELS, MONEY, st.dates().map(str), st.integers(0, 10**6)), min_size=1, max_size=25)


def result_of(rows: list[tuple[Any, ...]], *, total: int | None = None) -> ResultSet:
    columns = ("名称", "总营收", "日期", "单数")
    return ResultSet(
        columns,
        tuple(dict(zip(columns, (row[0], str(row[1]), *row[2:]), strict=True)) for row in rows),
        total or len(rows),
        total is not None,
    )


def unknown(text: str, result: ResultSet = AREAS, question: str = "总营收", sql: str = "") -> tuple[str, ...]:
    return unknown_figures(text, [result], [question], sql)


def rounded(value: Decimal, places: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)


@pytest.mark.parametrize(
    "text",
    [
        "总营收123.46万元",
        "总营收１，２３４，５６７．８９元",
        "**1,234,568** 元",
        "G60宜春服务区 2025年9月1日",
        "2025-09-01 00:00:00",
        "合计2,169,134.99元，平均108.46万元",
        "占56.9%，庐山占百分之四十三",
        "高出32.1%，多30.0万元，是后者的1.3倍",
        "前2名中第1名",
        "共2条记录",
        "1. 宜春\n2. 庐山",
        "超过120万元",
        "约一百二十万元",
        "十分好，千万不要错过，万一呢",
        "Sep 1, 2025: 1.23 million",
        "2025年8月到9月",
        "2025-09 和 2025/8",
    ],
)
def test_what_follows_from_the_rows_may_be_said(text: str) -> None:
    assert unknown(text) == ()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("总营收123.47万元", "123.47万"),
        ("总营收12.346万元", "12.346万"),
        ("1234567.88", "1234567.88"),
        ("9月2日", "9月2日"),
        ("2024年9月", "2024年9月"),
        ("占56.8%", "56.8%"),
        ("共3条记录", "3"),
        ("前3名", "前3"),
        ("总营收一百二十五万元", "一百二十五万"),
        ("１２３４５元", "12345"),
        ("1.24 million", "1.24 million"),
        ("08:30", "08:30"),
    ],
)
def test_what_nothing_gives_is_found(text: str, found: str) -> None:
    assert unknown(text) == (found,)


def test_numbers_of_question_and_statement_may_be_said_again_but_not_those_in_names() -> None:
    assert unknown("近7天超过5000元", question="近7天超过5000元的") == ()
    assert unknown("2025年7月起超过8000元", sql="SELECT x FROM t WHERE d >= '2025-07-01' AND pay > 8000") == ()
    assert unknown("共77个", sql="SELECT a77 FROM t77") == ("77",)


def test_sums_of_cut_results_are_not_known() -> None:
    cut = ResultSet(AREAS.columns, AREAS.rows, 50, is_limited=True)
    assert unknown("共50条，显示前2条", cut) == ()
    assert unknown("合计2,169,134.99元", cut) == ("2,169,134.99",)


def test_a_column_in_ten_thousands_may_be_said_in_its_own_unit_and_in_others() -> None:
    result = ResultSet(("营收（万元）",), ({"营收（万元）": 12345.6},), 1)
    assert unknown("12,345.6万元，即1.23亿元", result) == ()
    assert unknown("1.24亿元", result) == ("1.24亿",)


@settings(max_examples=200, deadline=None)
@given(ROWS, st.booleans(), st.sampled_from(["总营收多少？", "total revenue by name"]))
def test_true_sentences_about_any_rows_hold(rows: list[tuple[Any, ...]], is_cut: bool, question: str) -> None:
    result = result_of(rows, total=len(rows) + 7 if is_cut else None)
    assert unknown_figures(summarise_rows(result, question), [result], [question]) == ()


@settings(max_examples=200, deadline=None)
@given(ROWS, st.data())
def test_a_value_may_be_written_in_any_of_the_usual_ways(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    result = result_of(rows)
    value = data.draw(st.sampled_from(rows))[1]
    places = data.draw(st.integers(0, 2))
    total = sum((row[1] for row in rows), Decimal(0))
    forms = [
        f"{rounded(value, places):,}元",
        f"{rounded(value / 10_000, places)}万元",
        f"{rounded(value / 10**8, places + 2)}亿",
        f"{rounded(value / 10**6, places)} million",
        f"占{rounded(value / total * 100, places)}%",
        f"合计{rounded(total, places):,}，平均{rounded(total / len(rows), places)}",
        f"共{len(rows)}条",
    ]
    text = data.draw(st.sampled_from(forms))
    assert unknown(text, result) == ()
    assert unknown(text.translate(FULL_WIDTH), result) == ()


@settings(max_examples=200, deadline=None)
@given(ROWS, st.data())
def test_a_changed_digit_is_found(rows: list[tuple[Any, ...]], data: st.DataObject) -> None:
    """Figures of five digits and more; that the changed one is not true by chance is reckoned here again."""
    result = result_of(rows[:3])
    written = str(data.draw(st.sampled_from(rows[:3]))[1])
    place = data.draw(st.sampled_from([place for place, digit in enumerate(written) if digit.isdigit()]))
    digit = data.draw(st.sampled_from("123456789"))
    changed = written[:place] + digit + written[place + 1 :]
    numbers = [row[1] for row in rows[:3]] + [Decimal(row[3]) for row in rows[:3]]
    true = {one * sign + other for one in numbers for other in (*numbers, Decimal(0)) for sign in (1, -1)}
    sums = [[row[column] for row in rows[:3]] for column in (1, 3)]
    true |= {Decimal(sum(column)) for column in sums} | {rounded(Decimal(sum(c)) / len(c), 2) for c in sums}
    assume(all(abs(abs(value) - Decimal(changed)) > 1 for value in true))
    assume(Decimal(changed) > 10**4)
    assert unknown(f"总营收{changed}元", result)


@settings(max_examples=200, deadline=None)
@given(ROWS, st.data())
def test_a_text_in_pieces_is_passed_on_whole_or_up_to_what_is_unknown(
    rows: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    result = result_of(rows)
    text = (
        data.draw(st.sampled_from(["", "好的。"])) + summarise_rows(result) + data.draw(st.sampled_from(["", "谢谢"]))
    )
    for suffix, is_true in (("", True), ("其中987,654,321,987,654元", False), ("其中98765432198.765万元。好", False)):
        whole, passed = text + suffix, list[str]()
        writing = CheckedWriting(passed.append, lambda so_far: unknown(so_far, result))
        while whole:
            length = data.draw(st.integers(1, 9))
            writing.add(whole[:length])
            whole = whole[length:]
        writing.end()
        if is_true:
            assert "".join(passed) == text
        else:
            assert (text + "其中").startswith("".join(passed))
