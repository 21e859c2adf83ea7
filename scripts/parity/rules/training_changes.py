"""Intended differences of uploads, combining, single pairs, deletions and updates (contract 40 sections 4 to 7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scripts.parity.answers import Answer
from scripts.parity.exchanges import Exchange
from scripts.parity.rules.rule import Rule, body_of, is_error, old_answer
from scripts.parity.rules.training_effects import (
    COMBINE,
    DELETE,
    SINGLE_PAIRS,
    UPDATE,
    UPLOAD,
    is_kept_now,
)


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
    is_plausible = isinstance(body.get("ids"), list) and 0 < len(body["ids"]) <= 50
    return is_plausible and bool(body.get("confirm")) and body["confirm"] is not True


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
        was_lost = earlier.request["path"] == UPDATE and body.get("id") in ids and earlier.response["status"] != 200
        was_taken = earlier.request["path"] == DELETE and _confirmed_by_anything(earlier)
        if was_lost or (was_taken and any(one in ids for one in body["ids"])):
            return True
    return False


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
)
