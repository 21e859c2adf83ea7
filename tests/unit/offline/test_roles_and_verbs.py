"""What columns of keys are for, verbs that stand for tables, and whose time a period is, on a shop and a library."""

from datetime import date

import pytest

from common.business_schema import BusinessSchema, Column, Join, Table
from offline.engine import Engine
from offline.links import LinkIndex
from offline.vocabulary import load_vocabulary

TODAY = date(2026, 11, 30)
VOCABULARY = load_vocabulary()


def column(name: str, kind: str = "integer", *values: str, is_key: bool = False) -> Column:
    return Column(name, kind, values=values, is_primary_key=is_key, is_unique=is_key)


def table(name: str, *columns: Column) -> Table:
    return Table("public", name, "", columns)


def join(owner: str, source: str, target: str, found: str) -> Join:
    return Join(owner, source, target, found, schema="public", target_schema="public")


SHOP = BusinessSchema(
    (
        table("客户", column("客户编号", is_key=True), column("客户名称", "text"), column("省份", "text", "江西")),
        table("员工", column("工号", is_key=True), column("姓名", "text"), column("入职日期", "date")),
        table(
            "订单", column("订单编号", is_key=True), column("客户编号"), column("业务员工号"),
            column("下单日期", "date"), column("订单状态", "text", "已完成", "已取消"),
        ),
        table("订单明细", column("行号", is_key=True), column("订单编号"), column("数量"), column("单价", "numeric")),
        table("回款", column("回款编号", is_key=True), column("订单编号"), column("回款金额", "numeric")),
    ),
    joins=(
        join("订单", "客户编号", "客户", "客户编号"), join("订单", "业务员工号", "员工", "工号"),
        join("订单明细", "订单编号", "订单", "订单编号"), join("回款", "订单编号", "订单", "订单编号"),
    ),
)  # fmt: skip
LIBRARY = BusinessSchema(
    (
        table("branch", column("branch_id", is_key=True), column("name", "text", "Central", "Harbour")),
        table("book", column("book_id", is_key=True), column("title", "text"), column("published_year")),
        table("copy", column("copy_id", is_key=True), column("book_id"), column("branch_id")),
        table(
            "member", column("member_id", is_key=True), column("full_name", "text"), column("joined_on", "date"),
            column("home_branch_id"),
        ),
        table(
            "loan", column("loan_id", is_key=True), column("copy_id"), column("member_id"), column("loaned_at", "date"),
            column("returned_at", "date"),
        ),
        table(
            "fine", column("fine_id", is_key=True), column("loan_id"), column("amount", "numeric"),
            column("paid", "boolean"),
        ),
    ),
    joins=(
        join("copy", "book_id", "book", "book_id"), join("copy", "branch_id", "branch", "branch_id"),
        join("member", "home_branch_id", "branch", "branch_id"), join("loan", "copy_id", "copy", "copy_id"),
        join("loan", "member_id", "member", "member_id"), join("fine", "loan_id", "loan", "loan_id"),
    ),
)  # fmt: skip
ENGINES = {"shop": Engine(SHOP, VOCABULARY), "library": Engine(LIBRARY, VOCABULARY)}


def sql(database: str, question: str) -> str:
    return ENGINES[database].compose(question, TODAY).sql


def test_a_number_under_a_foreign_key_or_a_chinese_word_for_keys_is_no_figure():
    roles = {
        (relation.name, item.name): item.role for relation in LinkIndex(SHOP, VOCABULARY).relations
        for item in relation.fields
    }  # fmt: skip
    assert roles["订单", "客户编号"] == "reference"
    assert roles["订单", "业务员工号"] == "reference"
    assert roles["订单明细", "行号"] == "key"
    assert roles["订单明细", "数量"] == "measure"
    assert roles["回款", "回款金额"] == "measure"


def test_a_code_in_chinese_without_a_declared_key_is_no_figure():
    bare = BusinessSchema((table("单据", column("单据编号"), column("经手人工号"), column("金额", "numeric")),))
    (relation,) = LinkIndex(bare, VOCABULARY).relations
    assert [item.role for item in relation.fields] == ["code", "reference", "measure"]


def test_a_reference_is_told_by_the_name_of_what_it_leads_to():
    assert "JOIN 员工" in sql("shop", "每个业务员的订单数量")
    assert "COUNT(*)" in sql("shop", "每个业务员的订单数量")


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("入职最早的员工", "ORDER BY 入职日期 ASC LIMIT 1"),
        ("入职最晚的3个员工", "ORDER BY 入职日期 DESC NULLS LAST LIMIT 3"),
        ("最新的订单", "ORDER BY 下单日期 DESC NULLS LAST LIMIT 1"),
        ("各订单状态的数量", "COUNT(*)"),
        ("没有下过单的客户", "NOT EXISTS(SELECT 1 FROM 订单"),
        ("哪个客户下单最多", "COUNT(*)"),
        ("上个月下过单的客户", "AND t2.下单日期 >="),
        ("回款最高的客户", "SUM(t1.回款金额)"),
        ("平均回款", "AVG(t1.回款金额)"),
    ],
)
def test_questions_to_a_schema_with_chinese_names(question, part):
    assert part in sql("shop", question)


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("oldest book", 'ORDER BY "published year" ASC LIMIT 1'),
        ("newest members", 'ORDER BY "joined on" DESC'),
        ("books published after 2000", "t1.published_year >= 2001"),
        ("which books have never been borrowed", 'NOT EXISTS(SELECT 1 FROM "copy" AS t2 INNER JOIN loan'),
        ("members who never borrowed a book", "NOT EXISTS(SELECT 1 FROM loan"),
        ("most borrowed books", "COUNT(*)"),
        ("members who borrowed books last month", "AND t2.loaned_at >="),
        ("how many books were borrowed last month", "t3.loaned_at >="),
        ("members who joined last month", "WHERE t1.joined_on >="),
        ("average fine", "AVG(t1.amount)"),
        ("total unpaid fines", 'SUM(t1.amount) AS "total fines" FROM fine AS t1 WHERE NOT t1.paid'),
        ("total fines per member", "SUM(t1.amount)"),
    ],
)
def test_questions_to_a_library(question, part):
    assert part in sql("library", question)


def test_those_who_borrowed_are_reached_by_their_loans_and_not_by_a_common_branch():
    assert "home_branch_id" not in sql("library", "books borrowed by each member")


def test_a_period_that_the_event_cannot_tell_is_no_failure_of_ours():
    outcome = ENGINES["library"].compose("members who never borrowed a book in March 2025", TODAY)
    assert outcome.sql or outcome.refusal


@pytest.mark.parametrize(
    ("question", "is_kept"),
    [
        ("每个客户的订单数", True),
        ("订单最少的客户", True),
        ("每个客户有几个已取消的订单", True),
        ("订单最多的客户", False),
        ("订单超过3个的客户", False),
        ("2025年每个客户的订单数", False),
        ("每个业务员的订单数量", False),
    ],
)
def test_things_without_a_row_are_counted_as_none_where_that_may_be_the_answer(question, is_kept):
    """A superlative takes the most, a bound needs some, a period is of the rows, and not every employee sells."""
    assert ("RIGHT JOIN" in sql("shop", question)) is is_kept


def test_what_restricts_the_counted_rows_belongs_to_the_join():
    assert "RIGHT JOIN 客户 AS t2 ON t1.客户编号 = t2.客户编号 AND t1.订单状态 = '已取消' GROUP BY" in sql(
        "shop", "每个客户有几个已取消的订单"
    )


def test_what_is_in_stock_was_not_sold():
    stock = BusinessSchema(
        (
            table(
                "产品",
                column("产品编号", is_key=True),
                column("产品名称", "text"),
                *(column("库存数量"), column("单价", "numeric")),
            ),
            table("明细", column("行号", is_key=True), column("产品编号"), column("数量"), column("单价", "numeric")),
        ),
        joins=(join("明细", "产品编号", "产品", "产品编号"),),
    )
    found = Engine(stock, VOCABULARY).compose("各产品的销售金额", TODAY).sql
    assert "SUM(t1.数量 * t1.单价)" in found


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("books that have not been returned", "t3.returned_at IS NULL"),
        ("members who never returned a book", "NOT EXISTS"),
        ("share of fines that are paid", "COUNT(*) FILTER(WHERE t1.paid)"),
        ("who has the highest fines", "SUM(t1.amount)"),
    ],
)
def test_what_did_not_happen_and_what_is_so(question, part):
    assert part in sql("library", question) or ENGINES["library"].compose(question, TODAY).refusal


@pytest.mark.parametrize(
    ("question", "shown"),
    [
        ("月薪超过2万的员工", "SELECT t1.姓名 AS 姓名, t1.月薪 AS 月薪"),
        ("上海的员工月薪总额", "SUM(t1.月薪)"),
    ],
)
def test_compared_figures_are_shown_and_totals_summed(question, shown):
    staff = table("员工", column("工号", is_key=True), column("姓名", "text"), column("月薪", "numeric"),
                  column("城市", "text", "上海", "北京"))  # fmt: skip
    assert shown in Engine(BusinessSchema((staff,)), VOCABULARY).compose(question, TODAY).sql
