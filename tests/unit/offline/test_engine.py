"""From questions to SQL on schemas made here: links, groups, conditions, joins, refusals; no server is asked."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.business_schema import BusinessSchema, Column, Join, Table
from offline.engine import Composed, Engine
from offline.vocabulary import load_vocabulary

TODAY = date(2026, 11, 30)
VOCABULARY = load_vocabulary()


def number(name: str, kind: str = "integer", *, is_key: bool = False) -> Column:
    return Column(name, kind, is_primary_key=is_key, is_unique=is_key)


def text(name: str, *values: str, is_unique: bool = False) -> Column:
    return Column(name, "text", values=tuple(sorted(values)), is_unique=is_unique)


SHOP = BusinessSchema(
    (
        Table(
            "public",
            "customer",
            "",
            (
                number("customer_id", is_key=True),
                text("name", "Ann Lee", "Bob Ray", is_unique=True),
                text("country", "Brazil", "France"),
            ),
        ),
        Table(
            "public",
            "orders",
            "",
            (
                number("order_id", is_key=True),
                number("customer_id"),
                Column("order_date", "date"),
                number("freight", "numeric(10,2)"),
                text("status", "open", "shipped"),
            ),
        ),
        Table(
            "public",
            "order_item",
            "",
            (
                number("order_id"),
                number("product_id"),
                number("quantity"),
                number("unit_price", "numeric(10,2)"),
            ),
        ),
        Table(
            "public",
            "product",
            "",
            (
                number("product_id", is_key=True),
                text("title", "Tea", "Coffee", is_unique=True),
                number("price", "numeric(10,2)"),
                Column("discontinued", "boolean"),
            ),
        ),
        Table("public", "Weird Table", "", (number("select", is_key=True), text("Group", "x", "y"))),
    ),
    (
        Join("orders", "customer_id", "customer", "customer_id"),
        Join("order_item", "order_id", "orders", "order_id"),
        Join("order_item", "product_id", "product", "product_id"),
    ),
)
ENGINE = Engine(SHOP, VOCABULARY)


def compose(question: str, engine: Engine = ENGINE) -> Composed:
    return engine.compose(question, TODAY)


def sql(question: str) -> str:
    found = compose(question)
    assert found.sql, found.refusal
    return found.sql


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("How many orders are there?", ["COUNT(*)", "FROM orders"]),
        ("number of orders per customer", ["COUNT(t1.customer_id)", "RIGHT JOIN customer", "GROUP BY"]),
        ("每个customer有多少orders", ["COUNT(t1.customer_id)", "RIGHT JOIN customer", "GROUP BY"]),
        ("total freight by country", ["SUM(t1.freight)", "t2.country", "GROUP BY t2.country"]),
        ("average freight of orders in 2025", ["AVG(t1.freight)", "BETWEEN '2025-01-01' AND '2025-12-31'"]),
        ("top 3 customers by number of orders", ["COUNT(*)", "LIMIT 3", "DESC"]),
        ("Which customer has the most orders?", ["COUNT(*)", "LIMIT 1", "DESC"]),
        ("customers with more than 3 orders", ["HAVING COUNT(*) > 3"]),
        ("orders with freight above 500", ["t1.freight > 500"]),
        ("most expensive product", ["t1.price", "DESC", "LIMIT 1"]),
        ("List all customers from Brazil", ["t1.country = 'Brazil'"]),
        ("customers who have not placed any orders", ["NOT EXISTS"]),
        ("number of orders that are not shipped", ["NOT (t1.status = 'shipped')"]),
        ("discontinued products", ["WHERE t1.discontinued"]),
        ("products that are not discontinued", ["WHERE NOT t1.discontinued"]),
        ("number of orders each month in 2025", ["TO_CHAR(t1.order_date, 'YYYY-MM')", "ORDER BY"]),
        ("number of customers who ordered Tea", ["COUNT(*)", "EXISTS", "'Tea'"]),
        ("which Group are in the Weird Table", ['"Weird Table"', '"Group"']),
    ],
)
def test_question_becomes_the_query_it_asks_for(question: str, parts: list[str]) -> None:
    statement = sql(question)
    assert [part for part in parts if part not in statement] == [], statement


@pytest.mark.parametrize(
    "question", ["number of orders per customer", "total freight by country", "how many products are discontinued"]
)
@given(word=st.sampled_from(["zyxw", "quux", "plooth", "饕餮", "blargh"]), is_first=st.booleans())
@settings(max_examples=8, deadline=None)
def test_an_unknown_word_is_refused_and_named(question: str, word: str, is_first: bool) -> None:
    found = compose(f"{word} {question}" if is_first else f"{question} {word}")
    assert found.sql == ""
    assert found.refusal is not None
    assert any(word in about for about in found.refusal.about)


@pytest.mark.parametrize("ending", ["?", "？", "。", "!", "，谢谢", ", thanks", " please", "~", "；"])
def test_an_ending_that_says_nothing_changes_nothing(ending: str) -> None:
    assert compose("number of orders per customer" + ending).sql == sql("number of orders per customer")


def test_a_figure_is_never_multiplied_by_a_step_to_many() -> None:
    statement = sql("total freight by product")
    assert "SELECT DISTINCT" in statement
    assert "JOIN order_item" not in statement.split("SELECT DISTINCT")[0]


def test_a_ranking_without_a_figure_is_refused() -> None:
    assert compose("which customer is the best").sql == ""


def wide(tables: int) -> BusinessSchema:
    """Tables that all have a shared code column, each with a name of its own."""
    made = tuple(
        Table(
            "public", f"area{i}_record", "", (number("id", is_key=True), text("org_code"), number("amount", "numeric"))
        )
        for i in range(tables)
    )
    return BusinessSchema(made)


@pytest.mark.parametrize("tables", [200, 1000])
def test_wide_schemas_are_answered(tables: int) -> None:
    engine = Engine(wide(tables), VOCABULARY)
    found = compose(f"total amount of area{tables // 2}_record", engine)
    assert f"FROM area{tables // 2}_record" in found.sql


def test_tables_of_one_shape_are_one_relation_whose_members_are_chosen() -> None:
    columns = (text("company", "Acme", "Bolt", is_unique=True), number("profit", "numeric"), text("rating", "A", "B"))
    engine = Engine(
        BusinessSchema(tuple(Table("public", f"finance_{y}", "", columns) for y in (2021, 2022, 2023))), VOCABULARY
    )
    assert "FROM finance_2022" in compose("profit of Acme in 2022", engine).sql
    assert compose("profit of Acme in 2022 and 2023", engine).sql.count("finance_202") == 2


def test_a_denial_is_never_dropped() -> None:
    found = compose("How many orders have not been shipped?")
    assert "NOT" in found.sql or (found.refusal is not None and found.refusal.about)
