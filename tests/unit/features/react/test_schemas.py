"""A question to the ReAct agent is checked by the contract's rules, all at once and in their order."""

from typing import Any

import pytest

from common.messages import react as texts
from features.react.schemas import RefusedQuestionError, parse_json, read_question


def refusal(value: Any) -> RefusedQuestionError:
    with pytest.raises(RefusedQuestionError) as refused:
        read_question(value, "guest")
    return refused.value


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"question": "a",}', b"[" * 100_000])
def test_what_is_no_json_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(RefusedQuestionError) as refused:
        parse_json(body)
    assert (refused.value.category, refused.value.message) == (texts.FORMAT_WRONG, texts.INVALID_JSON)
    assert refused.value.details == texts.INVALID_JSON_DETAILS


@pytest.mark.parametrize("value", [{}, [], None, 0, ""])
def test_nothing_is_an_empty_body(value: Any) -> None:
    assert (refusal(value).category, refusal(value).message) == ("请求参数错误", "请求体不能为空")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"question": "  "}, "问题不能为空"),
        ({"user_id": "a"}, "问题不能为空"),
        ({"question": "x" * 2001}, "问题长度不能超过2000字符"),
        ({"question": "x", "user_id": "u" * 51}, "用户ID长度不能超过50字符"),
        ({"question": "x", "user_id": "a:b"}, "用户ID不能包含冒号"),
        ({"question": "x", "thread_id": "no-colon"}, "会话ID格式无效，期望格式为 user_id:timestamp"),
        ({"question": "x", "user_id": "a", "thread_id": "b:1"}, "会话归属验证失败：会话ID [b:1] 不属于当前用户 [a]"),
        ({"question": "x", "thread_id": ":1", "user_id": "a"}, "会话归属验证失败：会话ID [:1] 不属于当前用户 [a]"),
        (
            {"question": "", "user_id": "u" * 51, "thread_id": "x"},
            "问题不能为空; 用户ID长度不能超过50字符; 会话ID格式无效，期望格式为 user_id:timestamp",
        ),
        ({"question": ["x"]}, "参数 question 必须是字符串，不能包含无法处理的字符"),
        ({"question": "a\x00b"}, "参数 question 必须是字符串，不能包含无法处理的字符"),
        ({"question": "x", "user_id": "\ud800"}, "参数 user_id 必须是字符串，不能包含无法处理的字符"),
        ({"question": "x", "thread_id": {"a": 1}}, "参数 thread_id 必须是字符串，不能包含无法处理的字符"),
        (["x"], "请求体必须是JSON对象"),
        ("x", "请求体必须是JSON对象"),
    ],
)
def test_broken_rules_are_named(value: Any, text: str) -> None:
    assert refusal(value).message == text


@pytest.mark.parametrize(
    ("members", "user", "thread"),
    [
        ({}, "guest", ""),
        ({"user_id": ""}, "guest", ""),
        ({"user_id": 42}, "42", ""),
        ({"thread_id": "rita:1"}, "rita", "rita:1"),
        ({"conversation_id": "rita:1"}, "rita", "rita:1"),
        ({"thread_id": "rita:2", "conversation_id": "rita:1"}, "rita", "rita:2"),
        ({"thread_id": "*:[a]?"}, "*", "*:[a]?"),
    ],
)
def test_user_and_thread_are_found(members: dict[str, Any], user: str, thread: str) -> None:
    found = read_question({"question": " 你好\n吗 ", **members}, "guest")
    assert (found.text, found.user_id, found.thread_id) == ("你好\n吗", user, thread)
