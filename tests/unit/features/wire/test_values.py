"""What every route reads alike: texts, booleans, JSON bodies, the id of the last event, pages."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from common.errors import BadRequestError
from features.ask.direct.schemas import DirectAskRequest
from features.ask.schemas import AskRequest
from features.caches.schemas import CleanupRequest as CacheCleanup
from features.conversations.schemas import CleanupRequest, LimitRequest
from features.database_tools.schemas import TableRequest
from features.feedback.schemas import NewFeedback
from features.maintenance.schemas import ReadOnlySwitch
from features.pipeline_tasks.schemas import NewTask
from features.react.schemas import RefusedQuestionError, read_question
from features.run_sql.schemas import RunSqlRequest
from features.runs.schemas import RunRequest
from features.training_data.records import RecordRefusedError, text_of
from features.training_data.schemas import QueryRequest
from features.vector_backup.schemas import parse_backup
from features.wire.bodies import declared_json_object, json_object, optional_json_object, parse_body
from features.wire.pages import pagination
from features.wire.values import boolean, last_event_id, lenient_boolean, text_or_none, wire_text

QUESTION = {"question": "how many?"}
VERDICT = {"question": "how many?", "sql": "SELECT 1", "is_thumb_up": True}
TEXT_MEMBERS: tuple[tuple[type[BaseModel], str, dict[str, object]], ...] = (
    (AskRequest, "question", {}),
    (AskRequest, "user_id", QUESTION),
    (AskRequest, "session_id", QUESTION),
    (DirectAskRequest, "conversation_id", QUESTION),
    (RunRequest, "thread_id", QUESTION),
    (RunSqlRequest, "sql", {}),
    (CleanupRequest, "user_id", {}),
    (LimitRequest, "user_id", {}),
    (CacheCleanup, "before_timestamp", {}),
    (NewFeedback, "user_id", VERDICT),
    (NewFeedback, "question", VERDICT),
    (QueryRequest, "search_keyword", {}),
    (QueryRequest, "training_data_type", {}),
    (TableRequest, "table", {}),
    (ReadOnlySwitch, "reason", {}),
    (NewTask, "task_name", {}),
)
UNSTORABLE = ("x\0y", "\0", "x\ud800", "\udfffy", math.nan, math.inf, -math.inf, ["x"], {"x": 1})


@pytest.mark.parametrize("value", UNSTORABLE, ids=repr)
@pytest.mark.parametrize(("model", "name", "rest"), TEXT_MEMBERS, ids=[f"{m.__name__}.{n}" for m, n, _ in TEXT_MEMBERS])
def test_a_value_that_no_store_can_hold_is_refused_on_every_route(
    model: type[BaseModel], name: str, rest: dict[str, object], value: object
) -> None:
    with pytest.raises(BadRequestError) as refused:
        parse_body(model, {**rest, name: value})
    assert refused.value.invalid_params == [name]


@pytest.mark.parametrize("value", UNSTORABLE, ids=repr)
def test_the_readers_with_errors_of_their_own_refuse_the_same_values(value: object) -> None:
    with pytest.raises(BadRequestError):
        parse_backup({"db_connection": value})
    with pytest.raises(RecordRefusedError):
        text_of({"sql": value}, "sql")
    with pytest.raises(RefusedQuestionError):
        read_question({"question": "how many?", "user_id": value}, "guest")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_a_text_that_can_be_stored_is_read_as_it_is(text: str) -> None:
    assert wire_text(text) == text == text_or_none(text)


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans())
def test_a_scalar_is_read_as_json_writes_it(value: object) -> None:
    assert wire_text(value) == json.dumps(value)
    assert text_or_none(value) == (json.dumps(value) if value else None)


@given(st.text() | st.none() | st.lists(st.integers()) | st.dictionaries(st.text(), st.integers()))
def test_whatever_is_not_refused_can_be_encoded(value: object) -> None:
    try:
        text = wire_text(value)
    except (ValueError, PydanticCustomError):
        return
    assert "\0" not in text
    assert text.encode().decode() == text


@pytest.mark.parametrize("word", ["false", "FALSE", " no ", "0", "off", "f", "n", 0, False])
def test_a_word_for_no_is_false_on_every_route(word: object) -> None:
    assert boolean(word) is False
    assert lenient_boolean(word) is False
    assert parse_body(AskRequest, {**QUESTION, "continue_conversation": word}).continue_conversation is False
    assert parse_body(RunRequest, {**QUESTION, "tokens": word}).tokens is False
    assert parse_body(CleanupRequest, {"clear_all_agent_data": word}).clear_all_agent_data is False
    assert parse_body(CleanupRequest, {"cleanup_invalid_refs": word}).cleanup_invalid_refs is False
    assert parse_body(NewFeedback, {**VERDICT, "is_thumb_up": word}).is_thumb_up is False
    assert parse_backup({"backup_vector_tables": word}).is_wanted is False


@pytest.mark.parametrize("word", ["true", "Yes", "on", "1", "t", 1, True])
def test_a_word_for_yes_is_true(word: object) -> None:
    assert boolean(word) is True
    assert lenient_boolean(word) is True


@given(
    st.none() | st.floats() | st.integers(min_value=2) | st.lists(st.booleans()) | st.sampled_from(["", "o", "maybe"])
)
def test_what_is_no_boolean_is_refused_or_as_true_as_python_has_it(value: object) -> None:
    with pytest.raises(ValueError, match="not a boolean"):
        boolean(value)
    assert lenient_boolean(value) is bool(value)


@pytest.mark.parametrize("raw", [b"", b"{", b"nul", b"\xff", b"[" * 100_000, b'{"a": 1} x'], ids=lambda raw: raw[:8])
def test_a_body_that_is_not_json_is_a_400(raw: bytes) -> None:
    for content_type in ("application/json", "application/vnd.api+json; charset=utf-8"):
        for reader in (optional_json_object, declared_json_object):
            with pytest.raises(BadRequestError):
                reader(raw, content_type)


@pytest.mark.parametrize("raw", [b"null", b"1", b'"text"', b"[]", b"true"])
def test_json_that_is_no_object_is_a_400(raw: bytes) -> None:
    with pytest.raises(BadRequestError):
        json_object(raw)


def test_the_content_type_decides_only_where_it_must() -> None:
    raw = b'{"a": 1}'
    assert json_object(raw) == {"a": 1}
    assert optional_json_object(raw, "text/plain") == {}
    with pytest.raises(BadRequestError):
        declared_json_object(raw, None)


@given(st.integers(min_value=0, max_value=2**53))
def test_the_number_of_an_event_is_read_up_to_the_largest(number: int) -> None:
    assert last_event_id(str(number), 2**53) == number
    assert last_event_id(str(number + 2**53 + 1), 2**53) is None


@pytest.mark.parametrize(
    ("text", "number"), [(None, 0), ("", 0), ("-1", None), ("1.0", None), ("٣", None), (" 1", None)]
)
def test_what_is_no_number_of_an_event_is_none(text: str | None, number: int | None) -> None:
    assert last_event_id(text, 100) == number


@given(st.integers(1, 50), st.integers(1, 100), st.integers(0, 10_000))
def test_the_pages_hold_every_row_and_no_empty_page(page: int, size: int, total: int) -> None:
    place = pagination(page, size, total)
    pages = place["total_pages"]
    assert (pages - 1) * size < total <= pages * size or (pages == 0 and total == 0)
    assert place["has_next"] is (page < pages)
    assert place["has_prev"] is (page > 1)
