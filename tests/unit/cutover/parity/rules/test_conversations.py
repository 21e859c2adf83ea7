"""What may differ about the contents of conversations, because other questions are answered today, and what may not."""

from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules import AREAS
from cutover.parity.rules.conversation_turns import begun_otherwise, turns_before
from tests.unit.cutover.parity.rules.rule_cases import case_tests, verdict

NOW = "2026-11-20T11:20:25.388159"
THEN_ID, NOW_ID = "u:20261120112025{:03}", "u:20261128112025{:03}"
APOLOGY, ANSWER = "抱歉，我暂时无法回答您的问题。", "答"

Body = dict[str, Any]


def ok(**data: Any) -> Body:
    return {"code": 200, "success": True, "message": "操作成功", "data": {"timestamp": NOW, **data}}


def failed(**data: Any) -> Body:
    return {"code": 503, "success": False, "message": "服务暂时不可用", "data": {"timestamp": NOW, **data}}


def asked(number: int, question: Any, then: Body, now: Body, previous: Exchange | None = None) -> Exchange:
    request = {"method": "POST", "path": "/api/v0/ask_agent", "json": {"question": question, "user_id": "u"}}
    found = Exchange(
        f"x-{number}", "citu_app", "10", request, {"status": then["code"], "json": then}, previous=previous
    )
    found.received.append(Answer(now["code"], now))
    return found


def answered(number: int, text: str = ANSWER, id_form: str = NOW_ID) -> Body:
    return ok(conversation_id=id_form.format(number), response=text, conversation_status="new")


REFUSED = {"code": 400, "success": False, "message": "请求参数错误", "data": {"timestamp": NOW}}
# The first conversation has two questions; the second an apology then; the third was begun then only.
BEGAN = asked(1, "第一", answered(1, id_form=THEN_ID), answered(1))
WENT_ON = asked(2, "第二", answered(1, id_form=THEN_ID), answered(1), BEGAN)
LOST = asked(3, "坏", answered(2, APOLOGY, THEN_ID), failed(conversation_id=NOW_ID.format(2)), WENT_ON)
NEVER = asked(4, ["x"], answered(3, APOLOGY, THEN_ID), REFUSED, LOST)


def got(path: str, then: Body, **query: Any) -> Exchange:
    request = {"method": "GET", "path": f"/api/v0/{path}", "query": query}
    return Exchange("x-5", "citu_app", "20", request, {"status": 200, "json": then}, previous=NEVER)


def one(number: int, title: str, count: str, id_form: str = NOW_ID) -> Body:
    return {"conversation_id": id_form.format(number), "conversation_title": title, "message_count": count}


def listed(*conversations: Body) -> Body:
    return ok(user_id="u", conversations=list(conversations), total_count=len(conversations))


def said(*contents: str, id_form: str = NOW_ID, number: int = 2, count: str | None = None) -> Body:
    roles = ("user", "assistant")
    messages = [{"role": roles[place % 2], "content": content} for place, content in enumerate(contents)]
    meta = {"message_count": count or str(len(messages))}
    return ok(
        conversation_id=id_form.format(number), conversation_meta=meta, messages=messages, message_count=len(messages)
    )


def dialogue(text: str, id_form: str = NOW_ID, number: int = 2) -> Body:
    return ok(conversation_id=id_form.format(number), context=text, context_message_count=2)


def counted(users: int, conversations: int) -> Body:
    return ok(available=True, total_users=users, total_conversations=conversations)


LISTED_THEN = listed(
    one(3, "x", "2", THEN_ID), one(2, "坏", "2", THEN_ID), one(1, "第二", "2", THEN_ID)
)  # fmt: skip

# rule -> the exchange, the answer wanted now, near misses
CASES: dict[str, tuple[Exchange, Body, list[Body]]] = {
    "conversations-begun-today": (
        got("user/u/conversations", LISTED_THEN),
        listed(one(2, "坏", "1"), one(1, "第一", "2")),
        [
            listed(one(1, "第一", "2"), one(2, "坏", "1")), listed(one(2, "坏", "1")), listed(),
            listed(one(2, "坏", "1"), one(1, "别的", "2")), listed(one(2, "坏", "1"), one(1, "第一", "1")),
            listed(one(2, "坏", "1"), one(1, "第一", "2"), one(9, "谁", "2")),
        ],
    ),
    "messages-stored-today": (
        got("conversation/u:2/messages", said("坏", APOLOGY, id_form=THEN_ID)), said("坏"),
        [said(), said("别的"), said("坏", "别的"), said("坏", count="3")],
    ),
    "dialogue-stored-today": (
        got("conversation/u:2/context", dialogue(f"User: 坏\nAssistant: {APOLOGY}", THEN_ID)), dialogue("User: 坏"),
        [dialogue("User: 别的"), dialogue("User: 坏\nAssistant: 别的"), dialogue("User: 坏\n")],
    ),
    "conversations-counted-today": (
        got("conversation_stats", counted(1, 3)), counted(1, 2), [counted(1, 1), counted(1, 4), counted(2, 2)],
    ),
}  # fmt: skip


test_every_rule_has_a_case, test_wanted_answer_is_intended, test_near_miss_is_a_difference = case_tests(
    CASES, AREAS["conversation_contents"]
)


def test_what_is_told_as_before_is_the_same() -> None:
    kept = got("user/u/conversations", listed(one(2, "坏", "1", THEN_ID)))
    assert verdict(kept, listed(one(2, "坏", "1")))[0] == "same"
    assert verdict(got("user/v/conversations", listed(one(7, "谁", "2"))), listed(one(7, "谁", "2")))[0] == "same"
    assert verdict(got("conversation_stats", counted(1, 3)), counted(1, 3))[0] == "same"


def test_limit_below_zero_cuts_nothing_off() -> None:
    cut = got("user/u/conversations", listed(one(2, "坏", "2", THEN_ID)), limit="-1")
    assert verdict(cut, listed(one(2, "坏", "1"), one(1, "第一", "2")))[0] == "intended"
    limited = got("user/u/conversations", listed(one(2, "坏", "2", THEN_ID)), limit="1")
    assert verdict(limited, listed(one(2, "坏", "1"), one(1, "第一", "2")))[0] == "different"
    last = got("conversation/u:1/messages", said(id_form=THEN_ID, number=1, count="2"), limit="-2")
    assert verdict(last, said("第一", ANSWER, number=1))[0] == "intended"
    assert verdict(last, said("谁", ANSWER, number=1))[0] == "different"


def test_messages_of_a_conversation_like_before_are_never_excused() -> None:
    plain = got("conversation/u:1/messages", said("第一", ANSWER, id_form=THEN_ID, number=1))
    assert verdict(plain, said("第一", number=1))[0] == "different"


def test_conversations_begun_by_questions_that_crashed_are_more() -> None:
    crashed = asked(1, "q", {"code": 500, "success": False, "data": {}}, answered(1))
    fewer, more = begun_otherwise(turns_before(Exchange("x-9", "citu_app", "20", {}, {}, previous=crashed)))
    assert (dict(fewer), dict(more)) == ({}, {"u": 1})
