"""Intended differences of the database tools."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import ANYTHING, Rule, body_of, is_error, names_invalid, old_answer

TABLES, TABLE = "/api/v0/database/tables", "/api/v0/database/table/ddl"
BOTH = r"/api/v0/database/.+"
BUSINESS_ADDRESS = "postgresql://reader:secret@db.example:5432/highway_db"
FEEDBACK = "public.qa_feedback"
NOT_ALLOWED = "不允许连接参数 db_connection 指定的数据库，请使用已配置的数据库或联系管理员"
TYPES = ("ddl", "md", "both")
TEXT_MEMBERS = ("db_connection", "schema", "table_name_pattern", "table", "business_context")
COMMA_LAST = re.compile(r"^(?P<code>.*?)\s+-- (?P<comment>.*),$")
COMMA_FIRST = re.compile(r"^(?P<code>.*?),\s+-- (?P<comment>.*)$")


def _failed(exchange: Exchange) -> bool:
    return bool(exchange.response["status"] == 500)


def _succeeded(exchange: Exchange) -> bool:
    return bool(exchange.response["status"] == 200 and exchange.request["method"] == "POST")


def _address(exchange: Exchange) -> Any:
    return body_of(exchange).get("db_connection")


def _was_unreadable(exchange: Exchange) -> bool:
    return _failed(exchange) and not isinstance(exchange.request.get("json"), Mapping)


def _names_another_database(exchange: Exchange) -> bool:
    address = _address(exchange)
    return isinstance(address, str) and address.startswith("postgres") and address != BUSINESS_ADDRESS


def _is_refused(_exchange: Exchange, answer: Answer) -> bool:
    is_not_allowed = answer.is_error(403, "没有权限", "forbidden") and answer.response == NOT_ALLOWED
    return is_not_allowed or names_invalid(answer, "db_connection")


def _has_bad_address(exchange: Exchange) -> bool:
    address = _address(exchange)
    return _failed(exchange) and bool(address) and not (isinstance(address, str) and address.startswith("postgres"))


def _composites(exchange: Exchange) -> list[str]:
    return [name for name in TEXT_MEMBERS if isinstance(body_of(exchange).get(name), list | dict)]


def _numbers(exchange: Exchange, *names: str) -> list[str]:
    values = {name: body_of(exchange).get(name) for name in names}
    return [name for name, value in values.items() if isinstance(value, int | float) and value is not None]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lists_for_the_text(exchange: Exchange, answer: Answer) -> bool:
    body, data = body_of(exchange), answer.data
    schemas = [_text(body["schema"])] if _numbers(exchange, "schema") else data["schemas"]
    pattern = _text(body["table_name_pattern"]) if _numbers(exchange, "table_name_pattern") else None
    is_listed = answer.status == 200 and data["total"] == len(data["tables"])
    return is_listed and data["schemas"] == schemas and data.get("table_name_pattern") in (pattern, data.get("_"))


def _describes_with_the_text(exchange: Exchange, answer: Answer) -> bool:
    body, info = body_of(exchange), answer.data["generation_info"]
    is_written = info["business_context"] == _text(body["business_context"]) and info["has_llm_comments"] is True
    return (
        answer.status == 200 and is_written and answer.data["table_info"]["field_count"] == len(answer.data["fields"])
    )


def _is_missing_table(exchange: Exchange, answer: Answer) -> bool:
    name = _text(body_of(exchange)["table"])
    text = f"表 {name if '.' in name else f'public.{name}'} 不存在或无权限访问"
    return is_error(answer, 404, "resource_not_found") and answer.response.endswith(text)


def _was_missing_table(exchange: Exchange) -> bool:
    return _failed(exchange) and old_answer(exchange).response.endswith("不存在或无权限访问")


def _says_the_same_as_404(exchange: Exchange, answer: Answer) -> bool:
    return is_error(answer, 404, "resource_not_found") and answer.response == old_answer(exchange).response


def _has_wrong_type(exchange: Exchange) -> bool:
    return _failed(exchange) and "type" in body_of(exchange) and body_of(exchange)["type"] not in TYPES


def _names_the_types(exchange: Exchange, answer: Answer) -> bool:
    value = body_of(exchange)["type"]
    shown = "null" if value is None else str(value)
    text = f"无效的type参数: {shown}，支持的值: ['ddl', 'md', 'both']"
    return names_invalid(answer, "type") and answer.response == text


def _is_without_feedback(exchange: Exchange, answer: Answer) -> bool:
    before = old_answer(exchange).data["tables"]
    wanted = [table for table in before if table != FEEDBACK]
    return answer.status == 200 and answer.data["tables"] == wanted and answer.data["total"] == len(wanted)


def _was_repeated(exchange: Exchange) -> bool:
    schemas = old_answer(exchange).data.get("schemas", [])
    return _succeeded(exchange) and len(set(schemas)) < len(schemas)


def _is_listed_once(exchange: Exchange, answer: Answer) -> bool:
    before, after = old_answer(exchange).data, answer.data
    wanted = sorted(set(before["tables"]) - {FEEDBACK})
    is_once = after["schemas"] == list(dict.fromkeys(before["schemas"])) and after["total"] == len(wanted)
    return answer.status == 200 and is_once and after["tables"] == wanted


def _has_underscore_pattern(exchange: Exchange) -> bool:
    pattern = body_of(exchange).get("table_name_pattern")
    return _succeeded(exchange) and isinstance(pattern, str) and "_" in pattern and "%" not in pattern


def _is_matched_literally(exchange: Exchange, answer: Answer) -> bool:
    pattern = re.escape(body_of(exchange)["table_name_pattern"]).replace(r"\*", ".*")
    before = old_answer(exchange).data["tables"]
    wanted = [table for table in before if re.fullmatch(pattern, table.partition(".")[2])]
    return answer.status == 200 and answer.data["tables"] == wanted and answer.data["total"] == len(wanted)


def _executable(ddl: str) -> list[tuple[str, str]]:
    """Code and comment of each line, wherever the comma stands and however wide the code is filled up."""
    lines: list[tuple[str, str]] = []
    for line in ddl.split("\n"):
        match = None if line.startswith("--") else (COMMA_FIRST.match(line) or COMMA_LAST.match(line))
        if match is not None:
            lines.append((f"{match['code']},", match["comment"].replace("主键，主键", "主键")))
        else:
            code, _, comment = line.partition(" -- ")
            lines.append((code.rstrip(), comment.replace("主键，主键", "主键")))
    return lines


def _is_the_same_ddl(exchange: Exchange, answer: Answer) -> bool:
    before, after = old_answer(exchange).data["ddl"], answer.data["ddl"]
    has_comma_last = any(COMMA_LAST.match(line) for line in after.split("\n") if not line.startswith("--"))
    return answer.status == 200 and not has_comma_last and _executable(before) == _executable(after)


def _names_its_database(_exchange: Exchange, answer: Answer) -> bool:
    named = [answer.data.get(part, {}).get("database") for part in ("db_connection_info", "generation_info")]
    return answer.status == 200 and any(isinstance(name, str) and name for name in named)


def _rejected_suggestions(exchange: Exchange) -> list[str]:
    fields = old_answer(exchange).data.get("fields", [])
    return [field["name"] for field in fields if field["is_enum"] and not field["enum_values"]]


def _are_no_enumerations(exchange: Exchange, answer: Answer) -> bool:
    fields = {field["name"]: field for field in answer.data["fields"]}
    return all(fields[name]["is_enum"] is False for name in _rejected_suggestions(exchange))


def _enumerations(data: Mapping[str, Any]) -> dict[str, list[str]]:
    return {field["name"]: sorted(field["enum_values"]) for field in data["fields"] if field["enum_values"]}


def _in_any_order(page: str) -> list[str]:
    """The page's lines with the characters of lists of values sorted."""
    return ["".join(sorted(line)) if re.search("示例: |包含取值：", line) else line for line in page.split("\n")]


def _has_the_same_values(exchange: Exchange, answer: Answer) -> bool:
    before, after = old_answer(exchange).data, answer.data
    is_same_page = _in_any_order(before.get("md", "")) == _in_any_order(after.get("md", ""))
    return answer.status == 200 and is_same_page and _enumerations(before) == _enumerations(after)


RULES = (
    Rule(
        "database-body-is-400",
        "a body that is no JSON object was a 500 with the web framework's text; now the 400 of every route",
        BOTH,
        was=_was_unreadable,
        became=lambda _exchange, answer: is_error(answer, 400, "missing_required_params"),
    ),
    Rule(
        "database-address-is-checked",
        "anybody could make the service connect to any host; only configured or listed ones",
        BOTH,
        was=_names_another_database,
        became=_is_refused,
    ),
    Rule(
        "database-address-is-no-url",
        "a text that is no PostgreSQL URL was a 500 with the driver's words; now 400 naming db_connection",
        BOTH,
        was=_has_bad_address,
        became=lambda _exchange, answer: names_invalid(answer, "db_connection"),
    ),
    Rule(
        "database-list-for-text-is-400",
        "a list or object where a text belongs was a 500, an empty one counted as none; now 400 naming the parameter",
        BOTH,
        was=lambda exchange: exchange.request["method"] == "POST" and bool(_composites(exchange)),
        became=lambda exchange, answer: names_invalid(answer, _composites(exchange)[0]),
    ),
    Rule(
        "database-number-is-text",
        "a number where a text belongs was a 500; scalars are read as texts",
        TABLES,
        was=lambda exchange: _failed(exchange) and bool(_numbers(exchange, "schema", "table_name_pattern")),
        became=_lists_for_the_text,
    ),
    Rule(
        "context-number-is-text",
        "a number for the business context was a 500; scalars are read as texts",
        TABLE,
        was=lambda exchange: _failed(exchange) and bool(_numbers(exchange, "business_context")),
        became=_describes_with_the_text,
    ),
    Rule(
        "table-number-is-text",
        "a number for a table was a 500; it is read as a name, and no table has it",
        TABLE,
        was=lambda exchange: _failed(exchange) and bool(_numbers(exchange, "table")),
        became=_is_missing_table,
    ),
    Rule(
        "missing-table-is-404",
        "a table that is not there was a 500; now 404 with the same text",
        TABLE,
        was=_was_missing_table,
        became=_says_the_same_as_404,
    ),
    Rule(
        "table-type-is-400",
        "a wrong type was a 500, null even an HTML page; now 400 that names the types there are",
        TABLE,
        was=_has_wrong_type,
        became=_names_the_types,
        covers=rf"content_type|{ANYTHING}",
    ),
    Rule(
        "feedback-is-in-the-platform-database",
        "the old service made its feedback table in the business database; it lives in the platform database now",
        TABLES,
        was=lambda exchange: _succeeded(exchange) and FEEDBACK in old_answer(exchange).data["tables"],
        became=_is_without_feedback,
        covers=r"\$\.data\.(tables.*|total)",
    ),
    Rule(
        "schemas-are-listed-once",
        "a schema named twice was asked twice and its tables listed twice; now each once",
        TABLES,
        was=_was_repeated,
        became=_is_listed_once,
        covers=r"\$\.data\.(tables.*|schemas.*|total)",
    ),
    Rule(
        "underscore-is-a-character",
        "with `*` the underscore matched any character, too; now only itself",
        TABLES,
        was=_has_underscore_pattern,
        became=_is_matched_literally,
        covers=r"\$\.data\.(tables.*|total)",
    ),
    Rule(
        "ddl-can-be-executed",
        "the comma of a commented column stood after the comment, so no database took the text; now before it",
        TABLE,
        was=lambda exchange: _succeeded(exchange) and "ddl" in old_answer(exchange).data,
        became=_is_the_same_ddl,
        covers=r"\$\.data\.ddl",
    ),
    Rule(
        "database-has-its-own-name",
        "answers name the database that is configured; the replay's is not called as the recording's was",
        BOTH,
        was=lambda exchange: _succeeded(exchange) and _address(exchange) in (None, "", BUSINESS_ADDRESS),
        became=_names_its_database,
        covers=r"\$\.data\.(db_connection_info|generation_info)\.database",
    ),
    Rule(
        "rejected-enumeration-is-none",
        "a suggested enumeration that turned out to be none stayed marked as one, without values; now it is none",
        TABLE,
        was=lambda exchange: _succeeded(exchange) and bool(_rejected_suggestions(exchange)),
        became=_are_no_enumerations,
        covers=r"\$\.data\.fields\[\d+\]\.is_enum",
    ),
    Rule(
        "enumerations-are-sorted",
        "the values of an enumeration came in the order the database happened to have; now always sorted",
        TABLE,
        was=lambda exchange: _succeeded(exchange) and bool(_enumerations(old_answer(exchange).data)),
        became=_has_the_same_values,
        covers=r"\$\.data\.(fields\[\d+\]\.enum_values\[\d+\]|md)",
    ),
    Rule(
        "size-is-what-the-login-may-know",
        "the reader's login may not ask for sizes; it gets what the planner noted last, null (as the contract has it)"
        " before it ever looked",
        TABLE,
        was=lambda exchange: _succeeded(exchange) and old_answer(exchange).data["table_info"]["table_size"] is not None,
        became=lambda _exchange, answer: isinstance(answer.data["table_info"]["table_size"], str | None),
        covers=r"\$\.data\.table_info\.table_size",
    ),
)
