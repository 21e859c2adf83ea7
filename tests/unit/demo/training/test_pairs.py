"""The demo's training texts and the README questions keep the habits that retrieval and the offline engine rely on."""

import json
import re
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp

from demo.rows import COLUMNS
from demo.schema import schema_statements, training_ddl
from demo.training import training_examples

README_QUESTIONS = json.loads(
    (Path(__file__).parents[3] / "fixtures" / "readme_questions.json").read_text(encoding="utf-8")
)
PAIRS = training_examples().pairs
STATEMENTS = [(pair.question, pair.sql) for pair in PAIRS] + [(row["question"], row["sql"]) for row in README_QUESTIONS]
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def normalised(text: str) -> str:
    return re.sub(r"\W", "", text)


def test_every_table_and_column_has_a_chinese_comment() -> None:
    comments = {
        match[1]: match[2]
        for text in schema_statements()
        if (match := re.match(r"COMMENT ON (?:TABLE|COLUMN) public\.(\S+) IS '(.+)'", text))
    }
    expected = {*COLUMNS, *(f"{table}.{column}" for table, columns in COLUMNS.items() for column in columns)}
    assert set(comments) == expected
    assert all(CHINESE.search(comment) for comment in comments.values())


def test_the_ddl_texts_carry_the_comments_and_are_valid_sql() -> None:
    texts = training_ddl()
    assert len(texts) == 7
    for text in texts:
        table = sqlglot.parse_one(text, read="postgres").find(exp.Table)
        assert table is not None
        lines = [line for line in text.splitlines() if line.startswith("    ") and "PRIMARY KEY (" not in line]
        assert [line.split()[0] for line in lines] == list(COLUMNS[table.name])
        assert all(CHINESE.search(line.split(" -- ")[1]) for line in lines)


def test_the_documentation_has_sections_for_the_rules_people_forget() -> None:
    texts = training_examples().documentation
    assert len(texts) >= 10
    assert all(len(text.splitlines()) >= 2 for text in texts)
    whole = "\n".join(texts)
    for word in ("delete_ts IS NULL", "service_no = bss_service_area.service_area_no", "zf_order", "去年同期", "近7天"):
        assert word in whole


def test_no_trained_statement_averages_single_records_where_a_mean_of_days_is_meant() -> None:
    """AVG over a column of the day tables is the mean of records; a day has one for every branch or car type."""
    stored = {"bss_business_day_data", "bss_car_day_count"}
    for question, statement in STATEMENTS:
        for mean in sqlglot.parse_one(statement, read="postgres").find_all(exp.Avg):
            select = mean.find_ancestor(exp.Select)
            assert select is not None
            source = select.args["from_"].this
            assert not (isinstance(source, exp.Table) and source.name in stored), question


def test_there_are_36_to_40_different_pairs() -> None:
    assert 36 <= len(PAIRS) <= 40
    assert len({normalised(pair.question) for pair in PAIRS}) == len(PAIRS)
    assert len({pair.sql for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize(("question", "sql"), STATEMENTS, ids=[question for question, _ in STATEMENTS])
def test_a_statement_skips_deleted_rows_and_names_its_columns_in_chinese(question: str, sql: str) -> None:
    tree = sqlglot.parse_one(sql, read="postgres")
    tables = [table for table in tree.find_all(exp.Table) if table.name != "bss_section_route_area_link"]
    checks = [
        check
        for check in tree.find_all(exp.Is)
        if isinstance(check.this, exp.Column) and check.this.name == "delete_ts"
    ]
    in_database = [table for table in tables if table.name in COLUMNS]
    assert len(checks) == len(in_database) > 0, question
    assert isinstance(tree, exp.Select)
    assert all(CHINESE.search(column.alias_or_name) for column in tree.expressions), question


@pytest.mark.parametrize(("question", "sql"), STATEMENTS, ids=[question for question, _ in STATEMENTS])
def test_descending_orders_put_nulls_last(question: str, sql: str) -> None:
    assert sql.count(" DESC") == sql.count(" DESC NULLS LAST"), question


def test_readme_questions_are_ten_and_none_is_trained() -> None:
    assert len(README_QUESTIONS) == 10
    assert README_QUESTIONS[0]["question"] == "2023年4月1日总营收最高的5个服务区是哪些？"
    assert all(set(row) == {"question", "sql", "ordered"} for row in README_QUESTIONS)
    trained = {normalised(pair.question) for pair in PAIRS}
    assert not trained & {normalised(row["question"]) for row in README_QUESTIONS}
