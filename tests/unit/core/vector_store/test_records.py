"""The stored form of training records, as older readers expect it."""

import json
from uuid import UUID

import pytest

from core.vector_store.records import TrainingItem, is_record_id, new_record_id, parse_document


def test_pair_document_is_readable_json_with_the_historical_fields() -> None:
    document = TrainingItem("SELECT 1", "营收？").document("sql")
    assert document == '{"question": "营收？", "sql": "SELECT 1"}'


def test_wrong_pair_says_so_in_its_document() -> None:
    assert json.loads(TrainingItem("SELECT 1", "问").document("error_sql")) == {
        "question": "问",
        "sql": "SELECT 1",
        "type": "error_sql",
    }


@pytest.mark.parametrize("kind", ["ddl", "documentation"])
def test_texts_are_stored_as_they_are(kind: str) -> None:
    assert TrainingItem("CREATE TABLE t()\n").document(kind) == "CREATE TABLE t()"  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "suffix"), [("sql", "-sql"), ("error_sql", "-error_sql"), ("ddl", "-ddl"), ("documentation", "-doc")]
)
def test_ids_are_a_uuid_and_the_kinds_suffix(kind: str, suffix: str) -> None:
    record_id = new_record_id(kind)  # type: ignore[arg-type]
    assert record_id.endswith(suffix)
    assert UUID(record_id.removesuffix(suffix)).version == 4
    assert is_record_id(record_id)


@pytest.mark.parametrize("text", ["", "x", "a\0-sql", "\ud800-sql", "名-sql"])
def test_what_cannot_be_an_id_is_told_apart(text: str) -> None:
    assert not is_record_id(text)


@pytest.mark.parametrize(
    "item", [TrainingItem("", "q"), TrainingItem(" ", "q"), TrainingItem("s", ""), TrainingItem("\0", "q")]
)
def test_incomplete_pairs_are_refused(item: TrainingItem) -> None:
    with pytest.raises(ValueError, match="training record"):
        item.document("sql")


def test_pairs_with_json_literals_in_them_are_read_back() -> None:
    assert parse_document("sql", '{"question": "q", "sql": "s", "x": null}') == TrainingItem("s", "q")


@pytest.mark.parametrize("document", ["", "not json", "[]", '{"question": "q"}', "7"])
def test_unreadable_pairs_are_none(document: str) -> None:
    assert parse_document("sql", document) is None
