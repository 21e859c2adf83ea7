"""One record of a request: what it needs, what is refused, and in which words."""

from typing import Any

import pytest

from features.training_data.records import RecordRefusedError, read_record

NO_SQL = "SQL语法错误：不是有效的SQL语句"
VERB = '在训练集中禁止使用"UPDATE,DELETE,ALERT,DROP"'
ONLY_QUERIES = "SQL语法错误：训练集只接受SELECT或WITH查询语句"


def pair(sql: Any, question: Any = "问") -> dict[str, Any]:
    return {"training_data_type": "sql", "question": question, "sql": sql}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "  select 1 ",
        "WITH x AS (SELECT 1) SELECT * FROM x",
        "-- c\nSELECT 1",
        "(SELECT 1) UNION (SELECT 2);",
        "SELECT 'DROP TABLE; x' AS 说明 FROM 没有的表",
    ],
)
def test_a_query_is_kept_whether_its_tables_exist_or_not(sql: str) -> None:
    assert read_record(pair(sql)).item.content == sql


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("hello", NO_SQL),
        ("   ", "SQL语法错误：空语句"),
        (";", NO_SQL),
        ("-- only a comment", NO_SQL),
        (5, NO_SQL),
        ("SELEC 1", NO_SQL),
        ("TRUNCATE t", NO_SQL),
        ("VALUES (1)", NO_SQL),
        ("SELECT 1 INTO t", NO_SQL),
        ("UPDATE t SET a=1", VERB),
        ("drop table t", VERB),
        ("INSERT INTO t VALUES (1)", ONLY_QUERIES),
        ("CREATE TABLE t (a int)", ONLY_QUERIES),
        ("SELECT 1; DROP TABLE t", "SQL语法错误：一条记录只能包含一条SQL语句"),
        ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", NO_SQL),
        (["SELECT 1"], "sql字段必须是字符串"),
        ("SELECT '\0'", "sql字段包含无法处理的字符"),
        ("SELECT " + "1," * 20_000, "sql字段过长：最多 20000 个字符"),
        (None, "SQL字段是必需的"),
    ],
)
def test_what_is_no_query_is_refused_in_the_contracts_words(sql: Any, text: str) -> None:
    with pytest.raises(RecordRefusedError) as refused:
        read_record(pair(sql))
    assert refused.value.text == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ("x", "记录格式错误，应为对象"),
        ({}, "不支持的训练数据类型: None"),
        ({"training_data_type": ["sql"]}, "不支持的训练数据类型: ['sql']"),
        ({"training_data_type": "ddl"}, "ddl字段是必需的"),
        ({"training_data_type": "ddl", "ddl": " "}, "ddl字段是必需的"),
        ({"training_data_type": "documentation"}, "content字段是必需的"),
        ({"training_data_type": "error_sql", "question": "q"}, "question和sql字段都是必需的"),
        ({"training_data_type": "documentation", "content": "\ud800"}, "content字段包含无法处理的字符"),
    ],
)
def test_a_record_that_lacks_something_is_refused(fields: Any, text: str) -> None:
    with pytest.raises(RecordRefusedError) as refused:
        read_record(fields)
    assert refused.value.text == text


def test_scalars_are_texts_and_wrong_sql_may_be_wrong() -> None:
    assert read_record({"training_data_type": "documentation", "content": 5}).item.content == "5"
    assert read_record({"training_data_type": "error_sql", "question": "q", "sql": "SELEC 1"}).item.content == "SELEC 1"
