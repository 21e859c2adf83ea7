"""Names with one mistake are put right and told, unless the mistake makes another word."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.business_schema import BusinessSchema, Column, Join, Table
from offline.engine import Engine
from offline.near_words import understood
from offline.time_grammar import Clock
from offline.vocabulary import load_vocabulary

TODAY = date(2026, 11, 30)
STATIONS = ("东湖服务站", "南山服务站", "西苑服务站", "北城服务站", "平安服务站")
SCHEMA = BusinessSchema(
    (
        Table(
            "public",
            "station",
            "服务站",
            (
                Column("station_id", "integer", is_primary_key=True, is_unique=True),
                Column("station_name", "text", comment="服务站名称", values=STATIONS, is_unique=True),
                Column("warehouse_manager", "text", comment="", values=("Kim Park", "Lee Wong")),
            ),
        ),
        Table(
            "public",
            "daily_takings",
            "每日营收",
            (
                Column("id", "integer", is_primary_key=True, is_unique=True),
                Column("station_id", "integer"),
                Column("day", "date", comment="日期"),
                Column("order_total", "integer", comment="订单总数"),
                Column("card_payment", "numeric(12,2)", comment="银行卡支付金额"),
            ),
        ),
    ),
    (Join("daily_takings", "station_id", "station", "station_id"),),
)
ENGINE = Engine(SCHEMA, load_vocabulary())


@pytest.mark.parametrize(
    ("question", "found", "said"),
    [
        ("2025年东湖服务战的订单总数", "'东湖服务站'", "东湖服务站"),
        ("2025年湖东服务站的订单总数", "'东湖服务站'", "东湖服务站"),
        ("2025年银行卡支付额金", "card_payment", "银行卡支付金额"),
        ("total card paymnet in 2025", "card_payment", "银行卡支付金额"),
        ("How many stations does each warehuose manager have?", "warehouse_manager", "warehouse manager"),
    ],
)
def test_one_mistake_is_put_right_and_told(question: str, found: str, said: str) -> None:
    composed = ENGINE.compose(question, TODAY)
    assert found in composed.sql
    assert said in [name for _, name in understood(ENGINE.tokens(question, Clock(TODAY)))]


@pytest.mark.parametrize("question", ["2025年西湖服务站的订单总数", "服务员有多少", "2025年订单总价"])
def test_another_word_is_no_mistake(question: str) -> None:
    assert not ENGINE.compose(question, TODAY).sql


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(STATIONS), st.sampled_from(STATIONS), st.integers(0, 3))
def test_a_mistake_never_makes_one_stored_name_another(one: str, other: str, place: int) -> None:
    wrong = one[:place] + other[place] + one[place + 1 :]
    tokens = ENGINE.tokens(f"2025年{wrong}的订单总数", Clock(TODAY))
    if wrong != one:
        assert all(link.value != one for token in tokens if token.taken_for for link in token.values)
