"""Intended differences of the question routes and of requests that no route takes."""

from __future__ import annotations

import json
import re

from common.redis_conversation_manager import conversation_owner
from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import (
    Rule,
    body_of,
    is_error,
    is_malformed,
    is_other_json,
    is_scalar,
    is_unknown_path,
    is_wrong_method,
    names_invalid,
    old_answer,
    was_html,
    was_refused,
)

ASK = "/api/v0/ask_agent"
ONLY_OF_SUCCESS = (
    "context_used|conversation_status|from_cache|records|routing_mode_source|routing_mode_used|sql|summary|type"
)
BECAME_A_FAILURE = (
    r"status|\$\.code|\$\.success|\$\.message"
    rf"|\$\.data\.({ONLY_OF_SUCCESS}|response|execution_path.*|classification_info.*|requested_conversation_id)"
)

PROMPTS = {
    "missing_database_info": r"数据库中没有相关的表或字段信息，请您提供更多具体信息或修改问题。",
    "ambiguous_question": r"您的问题需要更多信息才能准确查询，请提供更详细的描述。",
    "unknown_generation_failure": r"无法生成有效的SQL查询，请尝试重新描述您的问题。",
    "forbidden_keywords": (
        r"不允许的操作: [A-Z]+。本系统只支持查询操作\(SELECT\)。"
        r"|SQL使用了不允许的.+|SQL引用了不.+|一次只允许执行一条SQL语句|该表含有不允许查询的字段.+"
    ),
    "syntax_error": r"SQL验证失败: .+",
    "syntax_repair_failed": r"SQL语法修复失败: .+",
}
"""The prompt of a question without valid SQL, by its `validation_error_type`."""
COMPOSITE = "参数类型错误：需要字符串，不能是列表或对象"
COLON = "用户ID不能包含冒号"
MODES = "['database_direct', 'chat_direct', 'hybrid', 'llm_only']"
EXPLANATION_END = " 请尝试提问其它问题。"


def _composites(exchange: Exchange) -> list[str]:
    names = ("question", "user_id", "conversation_id", "routing_mode")
    return [name for name in names if isinstance(body_of(exchange).get(name), list | dict)]


def _is_prompt(_exchange: Exchange, answer: Answer) -> bool:
    """422 with the text that says what to do, and what the agent had found out."""
    pattern = PROMPTS.get(str(answer.data.get("validation_error_type")))
    is_worded = pattern is not None and re.fullmatch(pattern, answer.response, re.DOTALL) is not None
    has_findings = bool(answer.data.get("execution_path")) and "method" in answer.data.get("classification_info", {})
    return is_error(answer, 422, "agent_processing_failed") and is_worded and has_findings


def _is_model_failure(_exchange: Exchange, answer: Answer) -> bool:
    return is_error(answer, 503, "model_unavailable") and answer.data.get("can_retry") is True


def _is_execution_failure(exchange: Exchange, answer: Answer) -> bool:
    is_same_text = answer.response == old_answer(exchange).response.strip()
    path = answer.data.get("execution_path") or [""]
    return is_error(answer, 500, "agent_processing_failed") and is_same_text and path[-1] == "format_response"


def _is_explanation(_exchange: Exchange, answer: Answer) -> bool:
    has_no_rows = not {"sql", "records", "summary"} & answer.data.keys()
    return answer.status == 200 and has_no_rows and answer.response.endswith(EXPLANATION_END)


def _text(exchange: Exchange, name: str) -> str:
    """A scalar of the request as we turn it into text: as JSON spells it."""
    return json.dumps(body_of(exchange).get(name))


def _is_chat_about_the_text(exchange: Exchange, answer: Answer) -> bool:
    is_chat = answer.status == 200 and answer.data.get("type") == "CHAT"
    return is_chat and _text(exchange, "question") in answer.response


def _belongs_to_the_text(exchange: Exchange, answer: Answer) -> bool:
    user = _text(exchange, "user_id")
    conversation = str(answer.data.get("conversation_id"))
    return answer.data.get("user_id") == user and conversation.rpartition(":")[0] == user


def _was_scalar_conversation(exchange: Exchange) -> bool:
    is_crash = exchange.response["status"] == 500 and old_answer(exchange).error_type == "database_error"
    return is_crash and is_scalar(body_of(exchange).get("conversation_id")) and not body_of(exchange).get("user_id")


def _is_new_conversation(exchange: Exchange, answer: Answer) -> bool:
    is_new = answer.status == 200 and answer.data.get("conversation_status") == "invalid_id_new"
    return is_new and answer.data.get("requested_conversation_id") == _text(exchange, "conversation_id")


def _was_rejected_value(exchange: Exchange) -> bool:
    return was_html(exchange, 500) and bool(body_of(exchange).get("routing_mode"))


def _names_the_modes(exchange: Exchange, answer: Answer) -> bool:
    given = body_of(exchange)["routing_mode"]
    if isinstance(given, list | dict):
        return names_invalid(answer, "routing_mode") and answer.response == COMPOSITE
    shown = given if isinstance(given, str) else json.dumps(given)
    text = f"无效的routing_mode参数值: {shown}，支持的值: {MODES}"
    return names_invalid(answer, "routing_mode") and answer.response == text


def _is_the_same_in_an_envelope(exchange: Exchange, answer: Answer) -> bool:
    meant = {400: is_malformed, 404: is_unknown_path, 405: is_wrong_method}
    return meant[exchange.response["status"]](exchange, answer)


def _owner(exchange: Exchange) -> str:
    """Whose the conversation is that the request names."""
    owner, colon, _ = str(body_of(exchange).get("conversation_id")).partition(":")
    return owner if colon else "unknown"


def _was_mismatch(exchange: Exchange) -> bool:
    is_crash = old_answer(exchange).response == "查询处理失败，请稍后重试" and exchange.response["status"] == 500
    user, conversation = (body_of(exchange).get(name) for name in ("user_id", "conversation_id"))
    return is_crash and bool(user) and bool(conversation) and str(user) != _owner(exchange)


def _names_mismatch(exchange: Exchange, answer: Answer) -> bool:
    pattern = r"用户ID不匹配：conversation_id中的用户ID '.*' 与提供的用户ID '(.+)' 不一致"
    found = re.fullmatch(pattern, answer.response, re.DOTALL)
    user = body_of(exchange)["user_id"]
    is_his = found is not None and found[1] == (user if isinstance(user, str) else json.dumps(user))
    return names_invalid(answer, "user_id", "conversation_id") and is_his


def _was_owner_by_number(exchange: Exchange) -> bool:
    """The crash of a mismatch, for a number that is the owner's name."""
    is_crash = old_answer(exchange).response == "查询处理失败，请稍后重试" and exchange.response["status"] == 500
    return is_crash and is_scalar(body_of(exchange).get("user_id")) and _text(exchange, "user_id") == _owner(exchange)


def _was_half_an_owner(exchange: Exchange) -> bool:
    """A user whose name is the part before the first colon of the owner's."""
    user, conversation = body_of(exchange).get("user_id"), str(body_of(exchange).get("conversation_id"))
    is_half = user == _owner(exchange) and user != conversation_owner(conversation)
    return isinstance(user, str) and is_half and ":" in conversation_owner(conversation)


def _was_apology(exchange: Exchange) -> bool:
    return old_answer(exchange).response.startswith(("抱歉，我暂时无法回答", "SQL生成过程中出现异常"))


def _was_execution_failure(exchange: Exchange) -> bool:
    return exchange.response["status"] == 500 and old_answer(exchange).response.startswith("SQL执行失败: ")


def _was_new_user_with_colon(exchange: Exchange) -> bool:
    """The user who asks, or to whom the conversation would belong, has a colon in the name."""
    user, conversation = (body_of(exchange).get(name) for name in ("user_id", "conversation_id"))
    owner = user or conversation_owner(str(conversation or ""))
    return isinstance(owner, str) and ":" in owner and not was_refused(exchange)


def _refuses_the_colon(exchange: Exchange, answer: Answer) -> bool:
    """Only a conversation that was made with such a name may still be read."""
    is_old_one = answer.data.get("conversation_status") == "continue"
    is_refused = names_invalid(answer, "user_id") and answer.response == COLON
    return is_refused or (is_old_one and old_answer(exchange).data.get("conversation_status") == "continue")


RULES = (
    Rule(
        "errors-in-the-envelope",
        "an unknown path, a wrong method and a malformed body were HTML pages; now the envelope with the same status",
        r"/.*",
        was=lambda exchange: was_html(exchange, 400, 404, 405),
        became=_is_the_same_in_an_envelope,
        covers="content_type",
    ),
    Rule(
        "non-object-is-400",
        "a JSON body that is no object was an HTML 500; now the envelope with 400",
        ASK,
        was=lambda exchange: was_html(exchange, 500) and is_other_json(exchange),
        became=is_malformed,
        covers="status|content_type",
    ),
    Rule(
        "routing-mode-is-400",
        "a wrong routing_mode was an HTML 500 (the helper did not take invalid_params); now the 400 that was meant",
        ASK,
        was=_was_rejected_value,
        became=_names_the_modes,
        covers="status|content_type",
    ),
    Rule(
        "mismatch-is-400",
        "a conversation of another user was a 500 (the same helper); now the 400 that was meant, with its text",
        ASK,
        was=_was_mismatch,
        became=_names_mismatch,
    ),
    Rule(
        "number-is-the-owner",
        "a number as user_id was never the owner of a conversation, which was a 500; now it is the text it stands for",
        ASK,
        was=_was_owner_by_number,
        became=lambda exchange, answer: answer.status == 200 and _belongs_to_the_text(exchange, answer),
    ),
    Rule(
        "owner-up-to-the-last-colon",
        "the owner of a conversation ended at the first colon, so that another user's was taken; now 400",
        ASK,
        was=lambda exchange: exchange.response["status"] == 200 and _was_half_an_owner(exchange),
        became=_names_mismatch,
    ),
    Rule(
        "model-failure-is-503",
        "a failed model call was an apology with 200; now an error that may be tried again",
        ASK,
        was=_was_apology,
        became=_is_model_failure,
        covers=BECAME_A_FAILURE,
    ),
    Rule(
        "prompt-kept",
        "a question without valid SQL was 500 with a generic text; now 422 with the text that says what to do",
        ASK,
        was=lambda exchange: exchange.response["status"] == 500 and old_answer(exchange).response == "Agent处理失败",
        became=_is_prompt,
        covers=r"status|\$\.code|\$\.data\.(response|execution_path.*|classification_info.*)",
    ),
    Rule(
        "failure-findings",
        "a failed query said nothing of its path and ended its text with the database's line feed; now it is complete",
        ASK,
        was=_was_execution_failure,
        became=_is_execution_failure,
        covers=r"\$\.data\.(response|execution_path.*|classification_info.*)",
    ),
    Rule(
        "thinking-not-shown",
        "the model's thinking stood in the answer and hid a forbidden statement; now the statement is refused with 422",
        ASK,
        was=lambda exchange: str(old_answer(exchange).data.get("sql")).startswith("<think>"),
        became=_is_prompt,
        covers=BECAME_A_FAILURE,
    ),
    Rule(
        "thinking-not-searched",
        "SQL was taken from the model's thinking and run; now its answer, an explanation, is what counts",
        ASK,
        was=lambda exchange: "思考" in str(old_answer(exchange).data.get("sql")) and old_answer(exchange).status == 200,
        became=_is_explanation,
        covers=r"\$\.data\.(response|sql|records|summary|execution_path.length)",
    ),
    Rule(
        "composite-refused",
        "lists and objects where text is expected were taken as they were; now 400",
        ASK,
        was=lambda exchange: bool(_composites(exchange)) and not was_refused(exchange),
        became=lambda exchange, answer: any(
            names_invalid(answer, name) and answer.response == COMPOSITE for name in _composites(exchange)
        ),
    ),
    Rule(
        "scalar-question",
        "a number or true as question ended in a canned apology; now it is a text like any other",
        ASK,
        was=lambda exchange: is_scalar(body_of(exchange).get("question")),
        became=_is_chat_about_the_text,
        covers=r"\$\.data\.(response|execution_path\[2\])",
    ),
    Rule(
        "scalar-user",
        "a number as user_id came back as a number; now it is a text everywhere",
        ASK,
        was=lambda exchange: is_scalar(body_of(exchange).get("user_id")) and exchange.response["status"] == 200,
        became=_belongs_to_the_text,
        covers=r"\$\.data\.(user_id|conversation_id)",
    ),
    Rule(
        "scalar-conversation",
        "a number as conversation_id was a 500; now it is an unknown conversation like any other",
        ASK,
        was=_was_scalar_conversation,
        became=_is_new_conversation,
    ),
    Rule(
        "colon-refused",
        "a user id with a colon made conversations that could not be resumed; now 400 where it would be a new one",
        ASK,
        was=_was_new_user_with_colon,
        became=_refuses_the_colon,
    ),
)
