"""What word lists may not make a chat of: on databases of films, hotels and stocks, and on none at all."""

import asyncio
from typing import Any

import pytest

from agent.classification.data_questions import SchemaLinks, asks_for_data, trained_alike
from agent.classification.dictionary import load_dictionary
from agent.classification.routing import QuestionRouter
from agent.classification.rules import RuleClassifier
from common.answering import Classification, Question, TrainedPair
from common.business_schema import BusinessSchema, Column, Table

RULES = RuleClassifier(load_dictionary())


def table(name: str, comment: str, *columns: tuple[str, str] | tuple[str, str, tuple[str, ...]]) -> Table:
    made = (Column(column[0], "text", column[1], values=column[2] if len(column) > 2 else ()) for column in columns)
    return Table("public", name, comment, tuple(made))


FILMS = BusinessSchema(
    (table("film", "电影（影片）", ("film_id", "主键"), ("title", "片名"), ("kind", "类型", ("喜剧", "足球纪录片"))),)
)
HOTELS = BusinessSchema((table("hotel", "酒店", ("name", "酒店名称"), ("stars", "星级"), ("city", "所在城市")),))
STOCKS = BusinessSchema((table("quote", "股票行情", ("ticker", "股票代码"), ("price", "股价：收盘价")),))
ENGLISH = BusinessSchema(
    (table("film_category", "", ("film_id", "")), table("Movie", "", ("director", "")), table("weather_report", ""))
)
NONE = BusinessSchema(())


class WordListBrain:
    """Classifies as the offline engine does where it finds a word of its lists: a chat, by rules."""

    method = "rule_based_non_business"

    def on_behalf_of(self, _question: Question) -> "WordListBrain":
        return self

    async def classify(self, question: str, context: str, schema: BusinessSchema) -> Classification:
        return Classification("CHAT", 0.85, "", self.method)


class Model(WordListBrain):
    method = "enhanced_llm"


def route(
    text: str, schema: BusinessSchema = NONE, *, brain: Any = None, mode: str = "hybrid", pairs: tuple[Any, ...] = ()
) -> str:
    async def read() -> BusinessSchema:
        return schema

    async def trained() -> tuple[TrainedPair, ...]:
        return tuple(TrainedPair(question, "SELECT 1") for question in pairs)

    question = Question(text, "default", "alice", "alice:20260101000000000", mode)
    router = QuestionRouter(RULES, brain or WordListBrain())
    return asyncio.run(router.classify(question, read, trained)).question_type


@pytest.mark.parametrize(
    ("text", "schema"),
    [
        ("列出2020年的电影", FILMS),
        ("最长的电影", FILMS),
        ("影片按类型汇总", FILMS),
        ("喜剧电影的平均时长", FILMS),
        ("五星级酒店名单", HOTELS),
        ("酒店的星级分布", HOTELS),
        ("股价最高的股票", STOCKS),
        ("昨天的股票行情", STOCKS),
        ("show me the longest films", ENGLISH),
        ("movies by director", ENGLISH),
        ("weather report of yesterday", ENGLISH),
    ],
)
def test_what_stands_in_the_schema_beats_every_word_list(text: str, schema: BusinessSchema) -> None:
    assert route(text, schema) == "DATABASE"
    assert route(text, NONE) == "CHAT"


@pytest.mark.parametrize(
    "text", ["推荐一部电影", "给我讲个笑话", "今天天气真好", "写诗", "谢谢", "tell me a joke", "你好"]
)
@pytest.mark.parametrize("schema", [HOTELS, STOCKS])
def test_chat_stays_a_chat_on_data_about_something_else(text: str, schema: BusinessSchema) -> None:
    assert route(text, schema) == "CHAT"


@pytest.mark.parametrize(
    "text",
    [
        "有多少部电影",
        "股票一共几只",
        "哪些酒店最贵",
        "哪家酒店的客人最多",
        "哪一天下雨最多",
        "How many movies are there?",
        "How much did the hotels earn?",
        "Which stocks fell?",
        "list all poems",
        "number of songs per artist",
        "请您告诉我有多少名学生",
    ],
)
@pytest.mark.parametrize("brain", [WordListBrain(), Model()])
def test_question_for_a_number_or_for_entries_is_never_a_chat(text: str, brain: Any) -> None:
    assert route(text, NONE, brain=brain) == "DATABASE"


@pytest.mark.parametrize(
    "text",
    ["你有哪些功能", "你会多少种语言", "你能回答哪些问题", "how many languages can you speak", "which is your name"],
)
def test_question_to_the_service_itself_is_no_data_question(text: str) -> None:
    assert not asks_for_data(text)
    assert route(text, NONE) == "CHAT"


def test_model_that_has_seen_the_schema_is_believed_about_it() -> None:
    assert route("你好，介绍一下酒店这个行业", HOTELS, brain=Model()) == "CHAT"


@pytest.mark.parametrize(
    ("text", "taught"),
    [
        ("今天天气怎么样", "今天天气怎么样？"),
        ("最近的台风叫什么名字？", "最近的台风叫什么名字"),
        ("请问2021年最近的台风叫什么名字", "2020年最近的台风叫什么名字"),
        ("what's the weather like", "What’s the weather like?"),
    ],
)
def test_trained_question_comes_before_the_word_lists(text: str, taught: str) -> None:
    assert route(text, NONE, pairs=("一共有几个服务区", taught)) == "DATABASE"
    assert route(text, NONE, pairs=("一共有几个服务区",)) == "CHAT"


@pytest.mark.parametrize("text", ["你好", "谢谢", "天气", "", "？"])
def test_nothing_is_near_a_question_with_hardly_any_words(text: str) -> None:
    assert trained_alike(text, [TrainedPair("昨天的天气数据按城市汇总是怎么样的", "SELECT 1")]) is None


@pytest.mark.parametrize(
    ("mode", "kind"), [("chat_direct", "CHAT"), ("llm_only", "CHAT"), ("database_direct", "DATABASE")]
)
def test_callers_mode_is_kept(mode: str, kind: str) -> None:
    assert route("有多少部电影", FILMS, mode=mode, pairs=("有多少部电影",)) == kind


@pytest.mark.parametrize(
    ("text", "schema", "found"),
    [
        ("片名最长的影片", FILMS, ["影片", "片名"]),
        ("足球纪录片的名称", FILMS, ["足球纪录片"]),
        ("types, names and ids", ENGLISH, []),
        ("filmed in Rome", ENGLISH, []),
        ("Films by category", ENGLISH, ["category", "films"]),
        ("类型", FILMS, []),
    ],
)
def test_links(text: str, schema: BusinessSchema, found: list[str]) -> None:
    assert SchemaLinks().of(text, schema) == found
