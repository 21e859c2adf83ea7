"""Schemas as strangers have them: Pinyin without comments, legends of codes, figures in texts, names in two schemas."""

import re
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.business_schema import BusinessSchema, Column, Join, Table
from offline.engine import Composed, Engine
from offline.legends import legend_of
from offline.pinyin import PinyinNames
from offline.vocabulary import load_vocabulary

TODAY = date(2026, 11, 30)
VOCABULARY = load_vocabulary()


def key(name: str) -> Column:
    return Column(name, "integer", is_primary_key=True, is_unique=True)


ERP = BusinessSchema(
    (
        Table("public", "kehu", "", (key("kh_id"), Column("kh_mc", "varchar(60)"), Column("cs", "varchar(20)"))),
        Table(
            "public",
            "xiaoshou_dingdan",
            "",
            (
                key("dd_id"),
                Column("dd_bh", "varchar(20)", is_unique=True),
                Column("kh_id", "integer"),
                Column("dd_rq", "date"),
                Column("zje", "numeric(12,2)"),
            ),
        ),
        Table(
            "public",
            "dingdan_mx",
            "",
            (key("mx_id"), Column("dd_id", "integer"), Column("sl", "integer"), Column("je", "numeric(12,2)")),
        ),
    )
)
SHOP = BusinessSchema(
    (
        Table("public", "products", "", (key("id"), Column("name", "text", is_unique=True))),
        Table(
            "public",
            "orders",
            "",
            (key("id"), Column("status", "order_status", values=("open", "paid")), Column("ordered_on", "date")),
        ),
        Table(
            "public",
            "order_lines",
            "",
            (
                Column("order_id", "integer", is_primary_key=True),
                Column("line", "integer", is_primary_key=True),
                Column("product_id", "integer"),
                Column("quantity", "integer"),
                Column("unit_price", "numeric(10,2)"),
            ),
        ),
        Table("archive", "orders", "", (key("id"), Column("ordered_on", "date"))),
    ),
    (
        Join("order_lines", "order_id", "orders", "id", schema="public", target_schema="public"),
        Join("order_lines", "product_id", "products", "id", schema="public", target_schema="public"),
    ),
)
DEVICES = BusinessSchema(
    (
        Table(
            "public",
            "device",
            "设备",
            (
                key("id"),
                Column("device_name", "text", "设备名称", is_unique=True),
                Column("status", "smallint", "状态：1-启用 2-停用 3-报废"),
                Column("kind", "char(1)", "设备类型(A:水表,B:电表)", values=("A", "B")),
                Column("fee", "text", "费用", values=("12", "13.5", "140")),
                Column("installed_on", "date", "安装日期"),
            ),
        ),
    )
)


def compose(schema: BusinessSchema, question: str) -> Composed:
    return Engine(schema, VOCABULARY).compose(question, TODAY)


@pytest.mark.parametrize(
    ("schema", "question", "parts"),
    [
        (ERP, "有多少客户", ["COUNT(*)", "FROM kehu"]),
        (ERP, "各城市的客户数量", ["t1.cs", "COUNT(*)", "FROM kehu"]),
        (ERP, "2024年订单总金额是多少", ["SUM(t1.zje)", "FROM xiaoshou_dingdan AS t1 WHERE t1.dd_rq"]),
        (ERP, "订单总金额最高的5个客户", ["kh_mc", "SUM(t1.zje)", "GROUP BY", "LIMIT 5"]),
        (SHOP, "Number of orders by status", ["COUNT(*)", "GROUP BY t1.status"]),
        (SHOP, "Top 5 products by revenue", ["SUM(t1.quantity * t1.unit_price)", "GROUP BY t2", "LIMIT 5"]),
        (SHOP, "How many orders are in the archive?", ["FROM archive.orders"]),
        (SHOP, "How many orders are there?", ["FROM orders"]),
        (DEVICES, "停用的设备有哪些", ["t1.status = 2"]),
        (DEVICES, "电表有多少台", ["COUNT(*)", "t1.kind = 'B'"]),
        (DEVICES, "各设备类型的设备数量", ["WHEN t1.kind = 'A' THEN '水表'", "COUNT(*)"]),
        (DEVICES, "2024年总费用是多少", ["SUM(CAST(t1.fee AS DECIMAL))"]),
    ],
)
def test_strange_schemas_are_answered(schema: BusinessSchema, question: str, parts: list[str]) -> None:
    composed = compose(schema, question)
    assert composed.refusal is None, composed.refusal
    assert not [part for part in parts if part not in composed.sql], composed.sql


@pytest.mark.parametrize("question", ["订单明细的总金额和订单的总金额", "每个客户的订单明细金额", "金额最高的客户"])
def test_no_figure_is_added_up_once_for_each_row_of_another_table(question: str) -> None:
    sql = compose(ERP, question).sql
    root = next(iter(re.findall(r"FROM \w+ AS (t\d)", sql)), "")
    assert all(
        alias == root for alias in re.findall(r"SUM\((t\d)\.", sql) if " UNION " not in sql and "WITH" not in sql
    )


@pytest.mark.parametrize("question", ["各城市的客户数量", "订单总金额最高的5个客户", "2024年每个月的订单总金额"])
def test_a_server_without_chinese_characters_gets_none(question: str) -> None:
    sql = compose(replace(ERP, holds_chinese=False), question).sql
    assert sql
    assert sql.isascii(), sql


def test_english_schemas_are_not_read_as_pinyin() -> None:
    assert PinyinNames(VOCABULARY).commented(SHOP) is SHOP


def test_initials_are_read_by_the_kind_of_their_column() -> None:
    columns = {c.name: c.comment for t in PinyinNames(VOCABULARY).commented(ERP).tables for c in t.columns}
    assert columns["dd_rq"] == "订单日期"
    assert columns["zje"] == "总金额"
    assert columns["cs"] == "城市"
    assert columns["sl"] == "数量"


@pytest.mark.parametrize(
    ("comment", "headline", "legend"),
    [
        ("状态：1-启用 2-停用", "状态", {"1": "启用", "2": "停用"}),
        ("设备类型(A:水表,B:电表,C:气表)", "设备类型", {"A": "水表", "B": "电表", "C": "气表"}),
        ("缴费状态 0未缴 1已缴", "缴费状态", {"0": "未缴", "1": "已缴"}),
        ("告警级别，1=一般；2=重要；3=紧急", "告警级别", {"1": "一般", "2": "重要", "3": "紧急"}),
        ("order state: 0 = new, 1 = paid", "order state", {"0": "new", "1": "paid"}),
        ("统计1月至3月数据", "统计1月至3月数据", {}),
        ("公司编码（公司编号）：H01 至 H08、Q01", "公司编码（公司编号）：H01 至 H08、Q01", {}),
        ("支持3天内退货", "支持3天内退货", {}),
    ],
)
def test_legends(comment: str, headline: str, legend: dict[str, str]) -> None:
    assert legend_of(comment) == (headline, legend)


@given(st.dictionaries(st.integers(0, 99), st.text("启停用报废正常异", min_size=2, max_size=6), min_size=2, max_size=6))
def test_written_legends_are_read(meanings: dict[int, str]) -> None:
    if len(set(meanings.values())) == len(meanings):
        written = "状态：" + "，".join(f"{code}={label}" for code, label in meanings.items())
        assert legend_of(written) == ("状态", {str(code): label for code, label in meanings.items()})


@pytest.mark.parametrize("word", ["copy", "lock", "call", "comment", "vacuum", "show", "set", "order", "user", "merge"])
def test_tables_called_like_words_of_the_language_can_be_asked(word: str) -> None:
    columns = (key("id"), Column("update", "numeric", "price"))
    engine = Engine(BusinessSchema((Table("public", word, "parcels", columns),)), VOCABULARY)
    for question in ("number of parcels", "total price of parcels"):
        assert f'FROM "{word}"' in engine.compose(question, TODAY).sql
