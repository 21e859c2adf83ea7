"""Real models' formats of a classification, and SQL told from prose by its structure."""

import json
from collections import Counter

import pytest

from agent import model_replies
from agent.model_replies import find_sql, read_classification, read_sql
from common import messages

COUNT = "SELECT COUNT(*) AS 数量 FROM bss_company;"


@pytest.mark.parametrize(
    ("reply", "confidence"),
    [
        ("分类: DATABASE\n理由: 查数据\n置信度: 0.92", 0.92),
        ("分类：DATABASE\n理由：查数据\n置信度：0.92", 0.92),
        ("**分类**：**DATABASE**\n**理由**：查数据\n**置信度**：**92%**", 0.92),
        ("- **分类:** DATABASE\n- **理由:** 查数据\n- **置信度:** 92 %", 0.92),
        ("1. 分类：DATABASE\n2. 理由：查数据\n3. 置信度：[0.92]", 0.92),
        ("【分类】：DATABASE\n【理由】：查数据\n【置信度】：（０．９２）", 0.92),
        ("Classification: DATABASE\nReason: 查数据\nConfidence: 92", 0.92),
        ("### 分类: `DATABASE`\n> 理由: 查数据\n> 置信度: 9.2/10", 0.92),
        ("分类：DATABASE，理由：查数据，置信度：0.92", 0.92),
        ('```json\n{"分类": "DATABASE", "理由": "查数据", "置信度": 0.92}\n```', 0.92),
        ('好的。{"classification": "database", "reason": "查数据", "confidence": "92%"}', 0.92),
        ("分类：数据库查询\n理由：查数据\n置信度：很高", 0.5),
        ("分类：DATABASE\n理由：查数据\n置信度：1.7", 1.0),
        ("分类：DATABASE\n理由：查数据", 0.5),
    ],
)
def test_every_usual_format_is_understood(reply: str, confidence: float) -> None:
    found = read_classification(reply)
    assert (found.question_type, found.reason, found.method) == ("DATABASE", "查数据", "enhanced_llm")
    assert found.confidence == pytest.approx(confidence)


def test_a_chat_classification_is_chat() -> None:
    found = read_classification("分类: CHAT\n理由: 问题与业务数据无关。\n置信度: 0.95")
    assert (found.question_type, found.confidence, found.reason) == ("CHAT", 0.95, "问题与业务数据无关。")


@pytest.mark.parametrize("reply", ["我不知道该怎么分类。", "", "{", '{"a": [', "分类：\n置信度：0.9", "🙂" * 50])
def test_an_unreadable_classification_is_a_doubtful_chat(reply: str) -> None:
    found = read_classification(reply)
    assert (found.question_type, found.confidence, found.method) == ("CHAT", 0.5, "enhanced_llm")
    assert found.reason == messages.MODEL_CLASSIFICATION_UNPARSED


@pytest.mark.parametrize(
    "reply",
    [
        COUNT,
        f"好的，SQL如下：\n```sql\n{COUNT}\n```\n以上。",
        f"```\n{COUNT}\n```",
        f"```postgresql\n{COUNT}",
        f"好的，SQL如下：\n{COUNT}\n以上就是查询。",
        f"{COUNT}\n\n说明：统计公司的数量，不包括已删除的。",
        f"{COUNT} 这条语句统计公司数量。",
        f"先看思路：\n```text\n统计公司\n```\n```sql\n{COUNT}\n```",
        f"```sql\nSELECT 1;\n```\n更好的写法：\n```sql\n{COUNT}\n```",
    ],
)
def test_the_statement_is_found_among_prose(reply: str) -> None:
    assert find_sql(reply) == COUNT


STATEMENTS = (
    "SELECT a AS 甲 FROM t WHERE b = 'x: y' AND c::date = DATE '2026-01-01'",
    "WITH x AS (SELECT 1 AS a)\nSELECT a FROM x\nORDER BY a DESC NULLS LAST LIMIT 5",
    'select count(*) from "Order"',
)
FORMS = (
    "SQL: {}", "查询语句：{}", "**SQL：** {}", "1. {}", "Final SQL:\n{}", "SQLQuery: {}\nSQLResult: 3", "<sql>{}</sql>",
    "好的。\n<SQL>\n{}\n</SQL>\n以上。", "~~~sql\n{}\n~~~", "````sql\n{}\n````", "```sql {}```", "```{}```",
    "{}<|im_end|>", "{}\n说明：统计数量。",
)  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("sql", STATEMENTS)
def test_the_statement_is_found_in_every_form_models_use(form: str, sql: str) -> None:
    assert find_sql(form.format(sql)) == sql


@pytest.mark.parametrize("name", ["sql", "SQL", "query", "sql_query"])
@pytest.mark.parametrize("sql", STATEMENTS)
def test_the_statement_is_found_in_json(name: str, sql: str) -> None:
    reply = json.dumps({"thoughts": "查 {数量}", name: sql}, ensure_ascii=False)
    for text in (reply, f"```json\n{reply}\n```", json.dumps({"result": {name: sql}}), json.dumps([sql])):
        assert find_sql(text) == sql


@pytest.mark.parametrize("form", ["`{}`", '"{}"', "“{}”", "可以用 `{}` 查询。"])
def test_quotes_around_a_statement_are_left_out(form: str) -> None:
    assert find_sql(form.format("SELECT a FROM t")) == "SELECT a FROM t"


def test_half_a_statement_is_not_handed_on() -> None:
    cut = "```sql\nSELECT count(*) AS n FROM bss_company WHERE id > 3"
    assert read_sql(cut, is_finished=True).sql
    assert not read_sql(cut, is_finished=False).sql
    assert not find_sql("SELECT n FROM t WHERE id > 3\n\nError: upstream connect error, reset reason: overflow")


def test_markdown_escapes_in_names_are_undone() -> None:
    assert find_sql("SELECT a AS 甲 FROM bss\\_company") == "SELECT a AS 甲 FROM bss_company"


def test_a_closing_sentence_is_not_read_as_an_alias() -> None:
    assert find_sql("SELECT a AS 甲 FROM t\n以上，就是查询。") == "SELECT a AS 甲 FROM t"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 名称 FROM bss_company WHERE 备注 = '不存在';",
        "-- 无法用索引\nSELECT a AS 甲 FROM t WHERE b = '抱歉'",
        "(SELECT a FROM t) UNION (SELECT b FROM u)",
        "WITH x AS (SELECT 1 AS a)\n\nSELECT a FROM x\n\nORDER BY a DESC NULLS LAST",
        "SELECT\n  a AS 甲,\n\n  b AS 乙\nFROM t\n\nWHERE c = ';'",
        "select a from t where b like '%\\_%'",
        "SELECT 1; DELETE FROM bss_company; COMMIT;",
        "SELECT 1;\n\nDROP TABLE bss_company;",
        "DELETE FROM bss_company;",
        "DROP TABLE bss_company",
        "TRUNCATE bss_company",
        "CALL do_it()",
        "COPY t TO '/tmp/x'",
        "SELECT COUNT(* AS 数量 FROM bss_broken_forever;",
        "WITH x AS (SELECT 1 SELECT * FROM x",
    ],
)
def test_a_statement_is_handed_on_unchanged(sql: str) -> None:
    draft = read_sql(sql, ("r1",))
    assert (draft.sql, draft.explanation, draft.based_on) == (sql, "", ("r1",))


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("无法生成SQL：没有相关的表。", "llm_explanation"),
        ("Sorry, I cannot select anything from these tables.", "llm_explanation"),
        ("With the given tables I cannot answer.", "llm_explanation"),
        ("Update your question, please; it is unclear.", "llm_explanation"),
        ("香蕉是一种水果。", "llm_explanation"),
        ("抱歉，无法使用 `SELECT` 语句查询天气。", "llm_explanation"),
        ("无法生成SQL：缺少天气表，例如 `SELECT temp FROM weather` 不可行", "llm_explanation"),
        ("There are no relevant tables for this.", "missing_database_info"),
        ("Table not found: weather", "missing_database_info"),
        ("The question is ambiguous.", "ambiguous_question"),
        ("I need more information.", "ambiguous_question"),
        ("The rows come from the company list where it applies.", "invalid_sql_format"),
        ("```sql\n```", "unknown_generation_failure"),
        ("先写 `SELECT`，再写表名。", "invalid_sql_format"),
        ("；。", "unknown_generation_failure"),
    ],
)
def test_a_reply_without_sql_says_why(reply: str, reason: str) -> None:
    draft = read_sql(reply)
    assert (draft.sql, draft.reason) == ("", reason)
    assert draft.explanation


def test_the_models_own_explanation_is_kept() -> None:
    assert read_sql("无法生成SQL：\n\n\n没有天气数据。").explanation == "无法生成SQL：\n\n没有天气数据。"


@pytest.mark.parametrize(
    "hostile", ["SELECT " + "(" * 5000 + "1" + ")" * 5000, "SELECT 1;" * 5000, "{" * 5000, "`" * 5000, "分类:" * 5000]
)
def test_a_hostile_reply_neither_fails_nor_hangs(hostile: str) -> None:
    draft = read_sql(hostile)
    assert draft.sql or draft.explanation
    assert read_classification(hostile).question_type in {"DATABASE", "CHAT"}


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        (COUNT, COUNT),
        (f"```sql\n{COUNT}\n```", COUNT),
        (f"查询如下：\n{COUNT}\n以上是查询。", COUNT),
        (
            "SELECT a FROM t WHERE b LIKE '\\_x';\n\nSELECT c FROM t",
            "SELECT a FROM t WHERE b LIKE '\\_x';\n\nSELECT c FROM t",
        ),
        ("SELECT FROM WHERE a FROM", "SELECT FROM WHERE a FROM"),
    ],
)
def test_no_text_of_a_reply_is_parsed_twice(monkeypatch: pytest.MonkeyPatch, reply: str, found: str) -> None:
    counts: Counter[str] = Counter()
    parse = model_replies.parse_statements

    def counted(text: str, *, work: object) -> object:
        counts[text] += 1
        return parse(text, work=work)  # type: ignore[arg-type]

    monkeypatch.setattr(model_replies, "parse_statements", counted)
    assert find_sql(reply) == found
    assert set(counts.values()) == {1}
