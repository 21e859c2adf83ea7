"""What of a schema goes into a prompt: each fact once, and no values without words."""

from collections import Counter
from collections.abc import Iterator
from datetime import date

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from agent import prompt_context
from agent.prompt_context import PromptLimits, PromptMaterial
from agent.schema_ranking import SchemaRanking
from common.answering import SqlRequest
from common.business_schema import BusinessSchema, Column, Table
from core.prompt_values import PromptValues
from core.vector_store.lexical import MAX_BIGRAMS, bigrams

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


def audited(name: str, *own: Column) -> Table:
    audit = (Column("create_ts", "timestamp without time zone", "创建时间"), Column("deleted_by", "text", "删除人"))
    return Table("public", name, "", (Column("id", "integer", "主键", is_primary_key=True), *audit, *own))


def test_columns_that_most_tables_have_alike_are_written_once() -> None:
    link = Table("public", "link", "", (Column("left_id", "integer"), Column("right_id", "integer")))
    tables = (audited("a"), audited("b", Column("price", "numeric(19,4)", "单价")), audited("c"), link)
    request = SqlRequest("单价多少", "", BusinessSchema(tables), date(2026, 11, 30))
    text = PromptMaterial(PromptLimits()).choose(request).text
    assert text.count("create_ts timestamp: 创建时间") == text.count("deleted_by text: 删除人") == 1
    assert "ALSO IN EVERY TABLE BUT link:" in text
    assert " price numeric: 单价" in text


def test_a_column_whose_values_are_those_of_a_key_elsewhere_is_shown_as_a_join() -> None:
    codes, names = ("H01", "H02", "H03"), ("一号", "二号", "三号")
    shop = Table("public", "shop", "", (
        Column("shop_no", "text", values=codes, is_unique=True),
        Column("shop_name", "text", values=names, is_unique=True),
    ))  # fmt: skip
    few = Table("public", "few", "", (Column("sold_at", "text", values=codes[:2]),))  # too few to tell
    sale = Table("public", "sale", "", (Column("of", "text", values=names), Column("place", "text", values=codes)))
    joins = SchemaRanking(BusinessSchema((shop, few, sale)), PromptValues()).joins
    assert [(join.table, join.column, join.target_column) for join in joins] == [("sale", "place", "shop_no")]


@pytest.fixture
def read_texts(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How often each text was split into words for telling whether a trained text is said already."""
    counts: Counter[str] = Counter()

    def counted(text: str) -> list[str]:
        counts[text] += 1
        return bigrams(text)

    remembered = (prompt_context._words, prompt_context._telling_words)
    for one in remembered:
        one.cache_clear()
    monkeypatch.setattr(prompt_context, "bigrams", counted)
    yield counts
    for one in remembered:
        one.cache_clear()


class CountedValues(PromptValues):
    def __init__(self) -> None:
        super().__init__()
        self.asked: Counter[str] = Counter()

    def shows(self, table: Table, column: Column) -> bool:
        self.asked[f"{table.name}.{column.name}"] += 1
        return super().shows(table, column)


def test_texts_of_tables_and_of_trained_records_are_read_once_for_all_questions(read_texts: Counter[str]) -> None:
    more = Table("public", "road", "公路", (Column("id", "integer", "编号"),))
    schema = BusinessSchema((*SCHEMA.tables, more))
    chooser = PromptMaterial(PromptLimits())
    for question in ("有几家店铺", "有几条公路", "店主是谁"):
        chooser.choose(SqlRequest(question, "", schema, date(2026, 11, 30), ddl=(SAID, MORE)))
    assert {SAID, MORE} < set(read_texts)
    assert set(read_texts.values()) == {1}
    assert len(read_texts) == len(schema.tables) + 2


def test_whether_values_may_be_shown_is_decided_once_for_a_schema() -> None:
    values = CountedValues()
    chooser = PromptMaterial(PromptLimits(), values)
    texts = [
        chooser.choose(SqlRequest(question, "", SCHEMA, date(2026, 11, 30))).text for question in ("城市3号", "城市9号")
    ]
    assert values.asked == {"shop.city": 1}
    assert ["城市3号" in texts[0], "城市9号" in texts[1]] == [True, True]


def test_another_schema_is_decided_anew_though_its_names_are_the_same() -> None:
    chooser = PromptMaterial(PromptLimits())
    ask = [
        BusinessSchema((Table("public", "shop", "", (Column("city", "text", comment, values=CITIES),)),))
        for comment in ("所在城市", "联系人姓名")
    ]
    shown = ["城市0号" in chooser.choose(SqlRequest("几家", "", one, date(2026, 11, 30))).text for one in ask]
    assert shown == [True, False]


@given(st.lists(st.text("服务区ab_1ﬁÅ\u0301Σσ \n.", max_size=30), max_size=5).map("\n\n".join))
@example("\n\n".join("".join(map(chr, range(start, start + 900))) for start in range(0x4E00, 0x4E00 + 5400, 900)))
def test_words_of_the_parts_are_those_of_the_whole(text: str) -> None:
    words = prompt_context._words_of_parts(text)
    assert words == frozenset(bigrams(text))
    assert len(words) <= MAX_BIGRAMS
