"""Which columns' stored values may be shown to an external model."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.prompt_context import PromptLimits, PromptMaterial
from common.answering import SqlRequest
from common.business_schema import BusinessSchema, Column, Table
from core.prompt_values import MOST_DISTINCT, PromptValues

AUTO = PromptValues(["auto"])

PERSONAL = (
    ("t", "", "user_name", "", ()),
    ("t", "", "contact", "", ()),
    ("t", "", "linkman_tel", "", ()),
    ("t", "", "a", "联系人", ()),
    ("users", "", "name", "", ()),
    ("t", "员工表", "name", "", ()),
    ("t", "", "x", "", ("张三", "李四", "王小明", "赵六")),
    ("t", "", "x", "", ("13800138000", "13900139000")),
    ("t", "", "x", "", ("a@b.com", "c@d.org")),
    ("t", "", "home_address", "", ()),
    ("t", "", "x", "", ("江西省南昌市红谷滩区世贸路 898 号", "江西省宜春市袁州区中山路12号")),
    ("t", "", "idCard", "", ()),
    ("t", "", "created_by", "", ()),
    ("t", "", "x", "", ("John Smith", "Mary Jones", "Bob Brown")),
    ("t", "", "plate", "", ("赣A12345", "赣B54321")),
    ("t", "", "phoneNumber", "", ()),
    ("t", "", "id_no", "", ()),
    ("t", "", "v", "", tuple(str(number) for number in range(MOST_DISTINCT + 1))),
)
CATEGORIES = (
    ("bss_company", "公司", "company_name", "公司名称", ("宜春分公司", "南昌分公司")),
    ("bss_service_area", "服务区", "service_area_name", "服务区名称", ("宜春服务区", "庐山服务区", "南城服务区")),
    ("t", "", "branch_name", "档口名称", ("中餐", "小卖部")),
    ("t", "", "source_type", "数据来源", ("手工", "系统")),
    ("t", "", "pay_type", "支付方式", ("微信", "支付宝", "现金")),
    ("t", "", "car_type", "车辆类别", ("其他", "城际", "过境", "危化品")),
    ("t", "", "direction", "方向", ("上行", "下行")),
    ("products", "商品", "name", "名称", ("苹果", "香蕉")),
    ("t", "", "status", "", ("A", "B")),
    ("t", "", "city", "城市", ("南昌", "宜春", "九江", "赣州")),
    ("t", "", "branch_no", "", ("1001", "1002")),
    ("t", "", "user_type", "", ("x",)),
)


@pytest.mark.parametrize("column", PERSONAL)
def test_what_looks_like_people_or_is_too_much_is_not_shown(column: tuple[str, str, str, str, tuple[str, ...]]) -> None:
    assert not AUTO.allows(*column)


@pytest.mark.parametrize("column", CATEGORIES)
def test_categories_are_shown(column: tuple[str, str, str, str, tuple[str, ...]]) -> None:
    assert AUTO.allows(*column)


@given(
    st.sampled_from(("phone", "mobile", "email", "address", "contact", "nickname", "passport", "id_card", "linkman")),
    st.sampled_from(("", "home_", "a_", "customer_")),
    st.sampled_from(("", "_1", "_text", "_no", "_value")),
    st.sampled_from((str.lower, str.upper, str.title)),
)
def test_a_personal_word_is_seen_in_any_name(word: str, before: str, after: str, case: object) -> None:
    assert not AUTO.allows("t", "", case(f"{before}{word}{after}"), "")  # type: ignore[operator]


@given(st.lists(st.integers(0, 9), min_size=9, max_size=9), st.integers(3, 9))
def test_a_phone_number_in_the_content_is_seen(digits: list[int], second: int) -> None:
    assert not AUTO.allows("t", "", "remark", "", (f"电话1{second}{''.join(map(str, digits))}", "无"))


@pytest.mark.parametrize(
    ("rules", "shown"),
    [
        ((), set()),
        (("auto",), {"shops.city"}),
        (("auto", "shops.owner_name"), {"shops.city", "shops.owner_name"}),
        (("*",), {"shops.city", "shops.owner_name"}),
        (("*.*", "!*.owner*"), {"shops.city"}),
        (("auto", "!shops.*"), set()),
        (("SHOPS.City",), {"shops.city"}),
    ],
)
def test_the_last_rule_that_fits_decides(rules: tuple[str, ...], shown: set[str]) -> None:
    columns = (Column("city", "text", values=("南昌",)), Column("owner_name", "text", values=("张三",)))
    schema = BusinessSchema((Table("public", "shops", "", (*columns, Column("id", "integer"))),))
    assert set(PromptValues(rules).shown_columns(schema)) == shown


def test_prompts_have_the_values_of_no_other_column() -> None:
    columns = (
        Column("city", "text", "城市", values=("南昌", "宜春")),
        Column("linkman", "text", "联系人", values=("张三", "李四")),
    )
    schema = BusinessSchema((Table("public", "shops", "门店", columns),))
    request = SqlRequest("张三在哪个城市", "", schema, date(2024, 1, 1))
    text = PromptMaterial(PromptLimits(), PromptValues()).choose(request).text
    assert ("南昌" in text, "张三" in text, "linkman" in text) == (True, False, True)
    assert "张三" in PromptMaterial(PromptLimits(), PromptValues(["*"])).choose(request).text
