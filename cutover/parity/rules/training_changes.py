"""Intended differences of uploads, combining, single pairs, deletions and updates (docs/contract/training.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.ask import COMPOSITE
from cutover.parity.rules.rule import Rule, body_of, is_error, names_invalid, old_answer
from cutover.parity.rules.training_effects import (
    COMBINE,
    DELETE,
    SINGLE_PAIRS,
    UPDATE,
    UPLOAD,
    is_kept_now,
    removed_by_update,
)

RECORD_TEXTS = ("question", "sql", "content", "ddl")
SUMMED = ("total_records_before", "duplicates_to_remove", "total_records_after")


def code_of(answer: Answer) -> object:
    """The envelope's own code."""
    return answer.body.get("code") if isinstance(answer.body, Mapping) else None


def _was_false_200(exchange: Exchange) -> bool:
    return old_answer(exchange).status == 200 and code_of(old_answer(exchange)) in (400, 500)


def _has_its_status(exchange: Exchange, answer: Answer) -> bool:
    """The status is the code, which is the old one where nothing else about the answer is wanted."""
    is_same = code_of(answer) == code_of(old_answer(exchange))
    return answer.status == code_of(answer) and (is_same or answer.status < 500)


def _file(exchange: Exchange) -> Mapping[str, Any]:
    files = (exchange.request.get("multipart") or {}).get("files") or {}
    file = files.get("file")
    return file if isinstance(file, Mapping) else {}


def _name(exchange: Exchange) -> str:
    return str(_file(exchange).get("filename", ""))


def _has_other_name(exchange: Exchange) -> bool:
    return str(old_answer(exchange).data.get("filename", _name(exchange))) != _name(exchange)


def _has_original_name(exchange: Exchange, answer: Answer) -> bool:
    name = _name(exchange).replace("\\", "/").rpartition("/")[2]
    if answer.status != 200:
        return is_error(answer, 400)
    return answer.data.get("filename") == name and answer.response == f"文件上传并训练成功：{name}"


def _lost_its_extension(exchange: Exchange) -> bool:
    is_refused = "不支持的文件扩展名" in old_answer(exchange).response
    return is_refused and not _name(exchange).isascii()


def _has_control_characters(exchange: Exchange) -> bool:
    content = str(_file(exchange).get("content", ""))
    return any(ord(one) < 32 and one not in "\t\n\r\f" for one in content) and not _was_false_200(exchange)


def _nothing_to_keep(exchange: Exchange) -> bool:
    return old_answer(exchange).data.get("status") == "completed" and bool(_file(exchange).get("content"))


def _counts_its_items(_exchange: Exchange, answer: Answer) -> bool:
    data = answer.data
    if data.get("status") not in ("completed", "failed"):
        return True
    created, failed = data.get("items_created", -1), data.get("items_failed", -1)
    return created + failed == data.get("items_total") and (data["status"] == "completed") is (created > 0)


def _had_no_question(exchange: Exchange) -> bool:
    data = old_answer(exchange).data
    return exchange.response["status"] == 200 and "training_id" in data and data["training_id"] is None


def _confirmed_by_anything(exchange: Exchange) -> bool:
    body = body_of(exchange)
    has_ids = isinstance(body.get("ids"), list) and bool(body["ids"])
    return has_ids and bool(body.get("confirm")) and body["confirm"] is not True


def _asks_to_confirm(_exchange: Exchange, answer: Answer) -> bool:
    return is_error(answer, 400) and answer.response == "删除操作需要确认，请设置confirm为true"


def _updated_to_no_query(exchange: Exchange) -> bool:
    return exchange.response["status"] == 200 and not is_kept_now(body_of(exchange))


def _refused_a_good_update(exchange: Exchange) -> bool:
    is_refused = exchange.response["status"] in (400, 500) and bool(body_of(exchange).get("id"))
    return is_refused and is_kept_now(body_of(exchange)) and "不存在" not in old_answer(exchange).response


def _is_update(exchange: Exchange, answer: Answer) -> bool:
    """The record has a new id of its kind."""
    ending = {"documentation": "-doc"}.get(str(kind := body_of(exchange).get("training_data_type")), f"-{kind}")
    is_named = answer.data.get("type") == kind and answer.data.get("original_id") == body_of(exchange).get("id")
    has_id = str(answer.data.get("new_training_id")).endswith(ending)
    return (
        answer.status == 200
        and answer.response == "训练数据更新成功"
        and has_id
        and (is_named or _is_templated(exchange))
    )


def _is_templated(exchange: Exchange) -> bool:
    """Whether the id in the request was another one when it was recorded."""
    return "json" in exchange.template


def _had_lost_it(exchange: Exchange) -> bool:
    """An earlier update, or a deletion confirmed by anything, had removed the record that is still there now."""
    ids = body_of(exchange).get("ids") or [body_of(exchange).get("id")]
    ids = ids if isinstance(ids, list) else []
    for earlier in exchange.earlier():
        body = body_of(earlier)
        is_update = earlier.request["path"] == UPDATE and earlier.response["status"] != 200
        was_lost = is_update and body.get("id") in ids and removed_by_update(earlier, old_answer(earlier))[0] < 0
        is_deletion = earlier.request["path"] == DELETE and earlier.response["status"] in (200, 207)
        was_taken = is_deletion and _confirmed_by_anything(earlier)
        if was_lost or (was_taken and any(one in ids for one in body["ids"])):
            return True
    return False


def _has_composite_id(exchange: Exchange) -> bool:
    return isinstance(body_of(exchange).get("id"), list | dict) and exchange.response["status"] in (400, 500)


def _merged_by_null(exchange: Exchange) -> bool:
    return body_of(exchange).get("dry_run", True) is None and "merged_groups" in old_answer(exchange).data


def _only_tells_the_same(exchange: Exchange, answer: Answer) -> bool:
    """What was done then is announced, in the words and members of a dry run."""
    old, new = old_answer(exchange).data["summary"], answer.data.get("summary") or {}
    before, removed, after = (new.get(name) for name in SUMMED)
    is_same = (before, removed) == (old["total_records_before"], old["duplicates_removed"])
    text = f"发现 {removed} 条重复记录，预计删除后将从 {before} 条减少到 {after} 条记录"
    is_told = answer.data.get("dry_run") is True and answer.response == text
    return answer.status == 200 and is_same and is_told and isinstance(answer.data.get("duplicate_groups"), list)


def _text_composites(exchange: Exchange) -> list[str]:
    body = body_of(exchange)
    return [name for name in RECORD_TEXTS if isinstance(body.get(name), list | dict)]


def _names_the_composite(exchange: Exchange, answer: Answer) -> bool:
    """The text that is none, or what was wrong with the request before that."""
    is_same = exchange.response["status"] == 400 and answer.response == old_answer(exchange).response
    is_named = answer.response in [f"{name}字段必须是字符串" for name in _text_composites(exchange)]
    return is_error(answer, 400) and (is_same or is_named)


RULES = (
    Rule(
        "training-error-has-its-status",
        "errors of upload and combine left with HTTP 200; now with the status their code named",
        f"{UPLOAD}|{COMBINE}",
        was=_was_false_200,
        became=_has_its_status,
        covers="status",
    ),
    Rule(
        "training-file-keeps-its-name",
        "the name lost its Chinese characters and with them its extension; now it is shown as it is",
        UPLOAD,
        was=_has_other_name,
        became=_has_original_name,
        covers=r"\$\.data\.(filename|response)",
    ),
    Rule(
        "training-file-keeps-its-extension",
        "a Chinese name had no extension left and was refused; now it has its own",
        UPLOAD,
        was=_lost_its_extension,
        became=lambda exchange, answer: answer.status == 200 and _has_original_name(exchange, answer),
    ),
    Rule(
        "training-file-is-text",
        "a file with control characters, which no database keeps, was a success that stored nothing; now 400",
        UPLOAD,
        was=_has_control_characters,
        became=lambda _exchange, answer: is_error(answer, 400) and answer.response.startswith("文件内容验证失败: "),
    ),
    Rule(
        "training-file-counts",
        "an upload was a success whatever it stored; now its items are counted, and without one it is a 400",
        UPLOAD,
        was=_nothing_to_keep,
        became=_counts_its_items,
        covers=r"status|\$\.(code|success|message)|\$\.data\.(status|response)",
    ),
    Rule(
        "pair-question-written",
        "a pair without a question was a success that stored nothing; now the model writes the question",
        f"{SINGLE_PAIRS[0]}|{UPDATE}",
        was=lambda exchange: (
            _had_no_question(exchange)
            or ("new_training_id" in old_answer(exchange).data and old_answer(exchange).data["new_training_id"] is None)
        ),
        became=lambda _exchange, answer: (
            answer.status == 200
            and isinstance(answer.data.get("training_id") or answer.data.get("new_training_id"), str)
        ),
        covers=r"\$\.data\.(new_)?training_id",
    ),
    Rule(
        "training-delete-needs-true",
        "anything truthy confirmed a deletion; now only true",
        DELETE,
        was=_confirmed_by_anything,
        became=_asks_to_confirm,
    ),
    Rule(
        "training-update-only-queries",
        "an update stored any SQL; now only a query, and the old record stays",
        UPDATE,
        was=_updated_to_no_query,
        became=lambda _exchange, answer: is_error(answer, 400) and answer.response.startswith("SQL语法错误: "),
    ),
    Rule(
        "training-update-any-query",
        "an update removed the record and then refused WITH and other queries; now they are stored",
        UPDATE,
        was=_refused_a_good_update,
        became=_is_update,
    ),
    Rule(
        "training-update-loses-nothing",
        "an update that failed had lost the record for later requests; now it is still there",
        f"{UPDATE}|{DELETE}",
        was=_had_lost_it,
        became=lambda _exchange, answer: (
            (answer.status in (200, 207) and answer.response.startswith(("训练数据更新成功", "训练数据删除")))
            or (is_error(answer, 400) and "不存在" not in answer.response)
        ),
    ),
    Rule(
        "pair-composite-refused",
        "a list or object as question, SQL or content was stored as it is spelt, or a failure; now 400 (rule 1)",
        "|".join((*SINGLE_PAIRS, UPDATE)),
        was=lambda exchange: bool(_text_composites(exchange)),
        became=_names_the_composite,
    ),
    Rule(
        "training-composite-id-refused",
        "a list or object as id was looked for as it is spelt; now 400 (rule 1)",
        UPDATE,
        was=_has_composite_id,
        became=lambda _exchange, answer: names_invalid(answer, "id") and answer.response == COMPOSITE,
        covers=r"status|\$\.(code|message)|\$\.data\.(response|error_type|can_retry)",
    ),
    Rule(
        "combine-null-is-the-default",
        "dry_run null deleted the duplicates; now it is the default, which only tells them",
        COMBINE,
        was=_merged_by_null,
        became=_only_tells_the_same,
        covers=r"\$\.data\.(dry_run|response|merged_groups|summary\.(collections_stats\.\w+\.)?(after|duplicates_removed))",
    ),
)
