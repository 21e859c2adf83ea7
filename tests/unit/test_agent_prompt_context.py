"""What of a schema goes into a prompt: each fact once, and no values without words."""

from datetime import date

from agent.prompt_context import PromptLimits, PromptMaterial
from common.answering import SqlRequest
from common.business_schema import BusinessSchema, Column, Table

HASHES = tuple(f"{number:032x}" for number in range(30))
CITIES = tuple(f"城市{number}号" for number in range(30))
SCHEMA = BusinessSchema(
    (
        Table(
            "public", "shop", "店铺",
            (
                Column("id", "varchar(32)", "主键", is_primary_key=True),
                Column("owner_id", "varchar(32)", "店主", values=HASHES),
                Column("place", "text", "坐标", values=("115.857,28.682", "116.001,29.705")),
                Column("city", "text", "所在城市", values=CITIES),
            ),
        ),
    )
)  # fmt: skip
SAID = "CREATE TABLE public.shop (id varchar(32) PRIMARY KEY, owner_id varchar(32), place text); -- 店铺 店主 坐标"
MORE = "CREATE TABLE shop (id varchar(32), city text); -- 城市只填注册地，外地分店按总部登记，见管理办法第三条"


def material(question: str) -> str:
    request = SqlRequest(question, "", SCHEMA, date(2026, 11, 30), ddl=(SAID, MORE))
    return PromptMaterial(PromptLimits()).choose(request).text


def test_trained_ddl_is_shown_only_when_it_says_more_than_the_table() -> None:
    text = material("有几家店铺")
    assert SAID not in text
    assert MORE in text


def test_values_without_words_are_not_shown() -> None:
    text = material("有几家店铺")
    assert HASHES[1] not in text
    assert "115.857" not in text


def test_of_many_values_a_few_are_shown_and_those_the_question_names() -> None:
    text = material("城市27号有几家店铺")
    assert "城市27号" in text
    assert 3 < sum(city in text for city in CITIES) < 12
