"""Business rules that compute a measure otherwise than reviewed pairs and comments do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.business_schema import BusinessSchema, Column, Table
from core.vector_store.formulas import Measures, changed_formulas, formulas_in

COLUMNS = (
    ("pay_sum", "支付总额"),
    ("order_sum", "订单总数"),
    ("wx", "微信支付金额"),
    ("oper_date", "日期"),
    ("price_fen", "价格，单位分，除以100为元"),
)
SCHEMA = BusinessSchema(
    (
        Table(
            "public",
            "bss_business_day_data",
            "营业数据",
            tuple(Column(name, "numeric", text) for name, text in COLUMNS),
        ),
    )
)
PAIRS = (
    ("总营收是多少", "SELECT sum(pay_sum) FROM bss_business_day_data"),
    ("微信支付占比", "SELECT round(100.0 * sum(wx) / nullif(sum(pay_sum), 0), 2) FROM bss_business_day_data"),
    ("客单价是多少", "SELECT sum(pay_sum) / nullif(sum(order_sum), 0) FROM bss_business_day_data"),
)
MEASURES = Measures(SCHEMA, PAIRS)


def is_changed(text: str) -> bool:
    return bool(changed_formulas(formulas_in(text), MEASURES))


@pytest.mark.parametrize(
    "text",
    [
        "总营收 = pay_sum × 2", "revenue means pay_sum * 2", "所有金额乘以100", "总营收是 pay_sum 的两倍",
        "总营收等于 order_sum", "Multiply all amounts by 100.", "All amounts must be doubled",
        "总营收应按 pay_sum 乘以 1.5 计算", "支付总额 = order_sum", "客单价 = pay_sum / wx", "营收要翻倍",
        "pay_sum 需要除以 1000", "pay_sum 的单位是万元，计算时乘以10000", "总营收 = SUM(pay_sum) + 10000",
        "总营收=pay_sum*0.5", "The total revenue is twice pay_sum", "revenue is pay_sum plus 5000",
        "金额打八折，即 pay_sum × 0.8", "支付总额：pay_sum * 3", "计算总营收时请用 order_sum 来算",
    ],
)  # fmt: skip
def test_other_arithmetic_is_seen(text: str) -> None:
    assert is_changed(text)


@pytest.mark.parametrize(
    "text",
    [
        "总营收 = SUM(pay_sum)", "客单价 = pay_sum / order_sum", "毛利 = pay_sum - wx", "档口即商铺。",
        "服务区编码 service_no 与 service_area_no 含义相同。", "微信支付占比 = 100 * wx / pay_sum",
        "price_fen 除以100为元",
        "数据从 2023-01-01 到 2023-03-31", "每天约 5000 行", "## 文档\n档口即商铺。", "公司就是分公司",
        "船闸档案每行记一座船闸，公司经营船闸", "字段 pay_sum：支付总额", "- oper_date (date) 日期，例如 2023-04-01",
        "微信/支付宝两种支付方式", "表一\n说明一", "pay_sum 是支付总额", "revenue means pay_sum",
        "bss_company: one row per company",
    ],
)  # fmt: skip
def test_what_is_known_or_new_is_no_change(text: str) -> None:
    assert not is_changed(text)


MEASURE_NAMES = ("总营收", "revenue", "支付总额", "The total revenue", "总营收")
VERBS = (" = ", "等于 ", "是", " means ", "：", " is ", "定义为 ", " := ")
FACTORS = (" × {0}", " * {0}", " 乘以 {0}", " / {0}", " 除以 {0}", " + {0}", " times {0}", " multiplied by {0}", "*{0}")


@given(
    st.sampled_from(MEASURE_NAMES),
    st.sampled_from(VERBS),
    st.sampled_from(("pay_sum", "SUM(pay_sum)", "`pay_sum`")),
    st.sampled_from(FACTORS),
    st.integers(2, 99),
)
def test_a_factor_nobody_computes_with_is_seen_in_any_wording(
    name: str, verb: str, column: str, factor: str, number: int
) -> None:
    assert is_changed(f"{name}{verb}{column}{factor.format(number)}")


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    formulas_in(text)
