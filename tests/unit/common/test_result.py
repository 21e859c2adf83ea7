"""The envelope builders against the wire contract."""

from common import messages, result


def test_success_response_keeps_the_callers_data_untouched() -> None:
    given = {"rows": 1}
    envelope = result.success_response("好", given)
    assert given == {"rows": 1}
    assert envelope["data"]["response"] == "好"
    assert envelope["data"]["rows"] == 1
    assert (envelope["code"], envelope["success"], envelope["message"]) == (200, True, messages.SUCCESS)


def test_success_response_without_text_has_no_response_member() -> None:
    assert set(result.success_response()["data"]) == {"timestamp"}


def test_bad_request_names_missing_parameters_in_both_places() -> None:
    envelope = result.bad_request_response("缺", missing_params=["question"])
    assert envelope["missing_params"] == envelope["data"]["missing_params"] == ["question"]
    assert envelope["data"]["error_type"] == "missing_required_params"
    assert "invalid_params" not in envelope


def test_bad_request_takes_invalid_parameters() -> None:
    envelope = result.bad_request_response("错", invalid_params=["page"])
    assert envelope["invalid_params"] == envelope["data"]["invalid_params"] == ["page"]
    assert envelope["data"]["error_type"] == "invalid_params"


def test_agent_success_leaves_out_none_but_keeps_empty_values() -> None:
    data = result.agent_success_response("CHAT", sql=None, response="", context_used=False, rows=[])["data"]
    assert "sql" not in data
    assert (data["response"], data["context_used"], data["rows"]) == ("", False, [])
    assert data["execution_path"] == []
    assert data["classification_info"] == {}


def test_agent_error_says_its_type_and_code() -> None:
    envelope = result.agent_error_response("不行", "agent_processing_failed", code=422, user_id="a")
    assert envelope["code"] == 422
    assert envelope["data"]["error_type"] == "agent_processing_failed"
    assert envelope["data"]["user_id"] == "a"


def test_service_unavailable_may_be_tried_again() -> None:
    envelope = result.service_unavailable_response("等等")
    assert envelope["code"] == 503
    assert envelope["data"]["can_retry"] is True
