"""Whose time a period is, and what an answer may not leave out or repeat, on a clinic and a bookshop."""

import pytest

from common.business_schema import BusinessSchema
from offline.engine import Engine
from tests.unit.offline.test_roles_and_verbs import TODAY, VOCABULARY, column, join, table

CLINIC = BusinessSchema(
    (
        table("患者", column("患者编号", is_key=True), column("患者姓名", "text"), column("性别", "text", "男", "女"),
              column("出生日期", "date")),
        table("就诊", column("就诊编号", is_key=True), column("患者编号"), column("就诊日期", "date"),
              column("类型", "text", "门诊", "急诊"), column("费用", "numeric")),
        table("住院", column("住院编号", is_key=True), column("患者编号"), column("入院日期", "date"),
              column("住院天数")),
    ),
    joins=(join("就诊", "患者编号", "患者", "患者编号"), join("住院", "患者编号", "患者", "患者编号")),
)  # fmt: skip
SHOP = BusinessSchema(
    (
        table("customer", column("customer_id", is_key=True), column("company_name", "text", "Gum School"),
              column("city", "text", "Paris", "London"), column("rep_id")),
        table("employee", column("employee_id", is_key=True), column("full_name", "text"), column("hired_on", "date")),
        table("author", column("author_id", is_key=True), column("name", "text"), column("birth_year")),
        table("publisher", column("publisher_id", is_key=True), column("name", "text")),
        table("book", column("book_id", is_key=True), column("title", "text"), column("author_id"),
              column("publisher_id"), column("published_on", "date"), column("price", "numeric")),
        table("orders", column("order_id", is_key=True), column("customer_id"), column("order_date", "date"),
              column("status", "text", "open", "shipped")),
        table("order_line", column("order_id", is_key=True), column("line_no", is_key=True), column("book_id"),
              column("quantity"), column("unit_price", "numeric")),
        table("review", column("review_id", is_key=True), column("book_id"), column("rating")),
    ),
    joins=(
        join("customer", "rep_id", "employee", "employee_id"), join("book", "author_id", "author", "author_id"),
        join("book", "publisher_id", "publisher", "publisher_id"),
        join("orders", "customer_id", "customer", "customer_id"), join("order_line", "order_id", "orders", "order_id"),
        join("order_line", "book_id", "book", "book_id"), join("review", "book_id", "book", "book_id"),
    ),
)  # fmt: skip
ENGINES = {"clinic": Engine(CLINIC, VOCABULARY), "shop": Engine(SHOP, VOCABULARY)}


@pytest.mark.parametrize(
    ("database", "question", "part"),
    [
        ("clinic", "1990年出生的患者", "t1.出生日期 BETWEEN '1990-01-01'"),
        ("clinic", "年龄最大的患者", "ORDER BY 出生日期 ASC LIMIT 1"),
        ("clinic", "最年轻的患者", "ORDER BY 出生日期 DESC NULLS LAST LIMIT 1"),
        ("clinic", "住院天数最长的患者", "SUM(t1.住院天数)"),
        ("clinic", "男患者和女患者各有多少", "GROUP BY t1.性别"),
        ("clinic", "急诊量", "COUNT(*)"),
        ("shop", "monthly revenue trend for 2025", "TO_CHAR(t2.order_date, 'YYYY-MM')"),
        ("shop", "orders per month in 2025", "COUNT(*)"),
        ("shop", "customers by city", "GROUP BY t1.city"),
        ("shop", "orders by status", "COUNT(*)"),
        ("shop", "customers who ordered in 2025", "t2.order_date BETWEEN '2025-01-01'"),
        ("shop", "authors born after 1950", "t1.birth_year >= 1951"),
        ("shop", "reviews with 5 stars", "WHERE t1.rating = 5"),
        ("shop", "is there a customer Gum School", "t1.company_name = 'Gum School'"),
    ],
)
def test_what_is_asked(database, question, part):
    assert part in ENGINES[database].compose(question, TODAY).sql


@pytest.mark.parametrize(
    ("database", "question"),
    [
        ("clinic", "今年有多少患者"),  # born this year is not what is meant, and no visit was named
        ("clinic", "住院天数最长的是多少天"),
        ("shop", "which author sold the most books"),  # ranked by what was sold, not by what was written
        ("shop", "customer Gum School"),  # would be answered with what was said
        ("shop", "list publishers and their cities"),  # only customers have cities, and many of them
    ],
)
def test_what_could_only_be_answered_with_something_else_is_refused(database, question):
    outcome = ENGINES[database].compose(question, TODAY)
    assert not outcome.sql or "出生日期" not in outcome.sql
    assert outcome.refusal is not None or database == "clinic"


def test_two_things_that_are_joined_by_and_are_both_shown_or_none():
    found = ENGINES["shop"].compose("employees and books", TODAY)
    assert not found.sql or ("full_name" in found.sql and "title" in found.sql)


_TEMPLATES = [
    "{a} with {b} in 2023", "{a} that have {b} in 2023", "number of {a} with {b} in 2023", "{b} in 2023 by {a}",
    "distinct list of {a} ids that have {b} on or after Apr 1, 2023", "{a} without {b} in 2023", "{a} in 2023",
    "2023年有{b}的{a}", "2023年没有{b}的{a}", "2023年每个{a}的{b}数量", "2023年{b}最多的{a}",
    "列出2023年的{a}和它们的{b}",
    "how many {a} have {b} in 2023", "top 3 {a} by {b} in 2023", "latest {b} of each {a} in 2023",
]  # fmt: skip


@pytest.mark.parametrize("database", ["clinic", "shop"])
def test_a_year_that_is_said_is_used_or_the_question_is_refused(database):
    """No way of putting it loses the period: an answer over all years would be another answer."""
    engine = ENGINES[database]
    names = [relation.name.replace("_", " ") for relation in engine.index.relations]
    lost = [
        (question, found.sql)
        for first in names
        for second in names
        for template in _TEMPLATES
        if (found := engine.compose(question := template.format(a=first, b=second), TODAY)).sql
        and "2023" not in found.sql
        and "2024" not in found.sql
    ]
    assert lost == []


ESTATE = BusinessSchema(
    (
        table("building", column("id", is_key=True), column("building_name", "text"), column("built_year")),
        table("house", column("id", is_key=True), column("building_id"), column("house_no", "text"),
              column("area", "numeric")),
        table("fee", column("id", is_key=True), column("house_id"), column("fee_kind", "text", "水费", "电费"),
              column("fee_month", "date"), column("amount", "numeric"), column("cancelled_on", "date")),
    ),
    joins=(join("house", "building_id", "building", "id"), join("fee", "house_id", "house", "id")),
)  # fmt: skip
ENGINES["estate"] = Engine(ESTATE, VOCABULARY)


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("largest houses", 'SELECT t1.house_no AS "house no", t1.area AS area'),
        ("houses per building", "RIGHT JOIN building"),
        ("fees that were cancelled", "WHERE NOT t1.cancelled_on IS NULL"),
        ("how many fees were cancelled in 2025", "COUNT(*)"),
        ("fees by kind", "GROUP BY t1.fee_kind"),
        ("oldest building", 'ORDER BY "built year" ASC LIMIT 1'),
        ("houses and their buildings", "t2.building_name"),
    ],
)
def test_questions_to_an_estate(question, part):
    assert part in ENGINES["estate"].compose(question, TODAY).sql


@pytest.mark.parametrize(("database", "question"), [("clinic", "急诊的患者多少"), ("shop", "how much Gum School")])
def test_a_figure_that_is_asked_for_is_not_answered_with_names(database, question):
    assert ENGINES[database].compose(question, TODAY).refusal is not None


@pytest.mark.parametrize("question", ["每种就诊的费用总额", "各类就诊的费用总额"])
def test_kinds_of_rows_are_the_groups(question):
    assert "GROUP BY t1.类型" in ENGINES["clinic"].compose(question, TODAY).sql
