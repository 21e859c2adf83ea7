"""Verdicts in PostgreSQL: one tenant's own, trained together with their flag or not at all."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import delete, select, text

from common.errors import BadRequestError, ModelUnavailableError, NotFoundError, StatementFailedError
from core.database import Database
from core.schema_migrations import upgrade_to_head
from core.vector_store.door import TrainingDoor
from core.vector_store.embedding import HashedNgramEmbedder
from core.vector_store.store import VectorStore
from core.vector_store.tables import EMBEDDING
from features.feedback import presentation
from features.feedback.repository import FEEDBACK
from features.feedback.schemas import parse_change, parse_new, parse_query, parse_training
from features.feedback.service import FeedbackService
from web.error_envelopes import envelope_of

PAIR = {"question": "公司总数", "sql": "SELECT COUNT(*) FROM bss_company"}
REFUSING = """
CREATE OR REPLACE FUNCTION refuse_flag() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'no flag'; END $$;
CREATE TRIGGER refuse_flag BEFORE UPDATE ON qa_feedback FOR EACH ROW EXECUTE FUNCTION refuse_flag();
"""


@pytest.fixture
def database(platform_url: str) -> Iterator[Database]:
    upgrade_to_head(platform_url)
    database = Database(platform_url, pool_size=8)
    with database.session() as session:
        session.execute(delete(FEEDBACK))
        session.execute(delete(EMBEDDING))
    yield database
    database.dispose()


@pytest.fixture
def store(database: Database) -> VectorStore:
    return VectorStore(database, HashedNgramEmbedder(64))


@pytest.fixture
def service(database: Database, store: VectorStore) -> FeedbackService:
    return FeedbackService(database=database, door=TrainingDoor(store))


def added(service: FeedbackService, tenant: str = "acme", **members: object) -> int:
    return service.add(tenant, parse_new({**PAIR, "is_thumb_up": True, **members}))


def listed(service: FeedbackService, tenant: str = "acme", **wanted: object) -> list[dict[str, object]]:
    query = parse_query(wanted)
    records = presentation.listed(query, service.query(tenant, query))["data"]["records"]
    assert isinstance(records, list)
    return records


def trained(service: FeedbackService, ids: list[int | None], tenant: str = "acme") -> Any:
    request = parse_training({"feedback_ids": ids})
    return presentation.trained(request, service.add_to_training(tenant, request))["data"]


def test_the_other_tenant_sees_and_changes_nothing(service: FeedbackService, store: VectorStore) -> None:
    number = added(service)
    assert listed(service, "other") == []
    assert service.stats("other").total == 0
    for attempt in (
        lambda: service.update("other", number, parse_change({"sql": "SELECT 1"})),
        lambda: service.delete("other", number),
        lambda: trained(service, [number], "other"),
    ):
        with pytest.raises(NotFoundError):
            attempt()
    assert [record["sql"] for record in listed(service)] == [PAIR["sql"]]
    assert (store.count("acme").total, store.count("other").total) == (0, 0)


def test_a_bare_last_day_counts_to_its_end(service: FeedbackService) -> None:
    added(service)
    today = str(listed(service)[0]["create_time"])[:10]
    assert len(listed(service, create_time_start=today, create_time_end=today)) == 1
    assert len(listed(service, create_time_end=f"{today} 00:00:00")) == 0
    assert len(listed(service, create_time_start=today.replace("-", ""), create_time_end=today.replace("-", "/"))) == 1


def test_pages_of_equal_sort_keys_do_not_overlap(service: FeedbackService) -> None:
    numbers = [added(service, user_id="same") for _ in range(7)]
    pages = [listed(service, sort_by="user_id", sort_order="ASC", page=page, page_size=3) for page in (1, 2, 3)]
    assert [record["id"] for page in pages for record in page] == numbers


def test_right_and_wrong_answers_are_trained_and_flagged(service: FeedbackService, store: VectorStore) -> None:
    right, wrong, unfit = added(service), added(service, is_thumb_up=False), added(service, sql="DROP TABLE x")
    data = trained(service, [right, wrong, unfit, right, 999_999, None])
    assert data["summary"] == {
        "total_requested": 6,
        "total_processed": 3,
        "positive_trained": 1,
        "negative_trained": 1,
        "already_trained": 0,
        "errors": 1,
    }
    assert [(item["feedback_id"], item["outcome"]) for item in data["results"]] == [
        (right, "sql"),
        (wrong, "error_sql"),
        (unfit, "error"),
    ]
    assert (store.count("acme").sql, store.count("acme").error_sql) == (1, 1)
    assert {record["id"] for record in listed(service, is_in_training_data=True)} == {right, wrong}
    again = trained(service, [right, wrong])["summary"]
    assert (again["already_trained"], again["positive_trained"] + again["negative_trained"]) == (2, 0)


def test_a_flag_that_cannot_be_set_leaves_no_training_record(
    service: FeedbackService, store: VectorStore, database: Database
) -> None:
    number = added(service)
    with database.session() as session:
        session.execute(text(REFUSING))
    try:
        with pytest.raises(StatementFailedError) as refused:
            trained(service, [number])
    finally:
        with database.session() as session:
            session.execute(text("DROP TRIGGER refuse_flag ON qa_feedback; DROP FUNCTION refuse_flag()"))
    envelope = envelope_of(refused.value)
    assert (envelope["code"], envelope["data"]["response"]) == (500, "添加训练数据失败，请稍后重试")
    assert (envelope["data"]["error_type"], envelope["data"]["can_retry"]) == ("database_error", True)
    assert store.count("acme").total == 0


def test_an_embedder_that_is_away_changes_nothing(database: Database) -> None:
    class Away(HashedNgramEmbedder):
        def embed(self, *_arguments: object, **_named: object) -> list[list[float]]:
            raise ModelUnavailableError("away")

    service = FeedbackService(database=database, door=TrainingDoor(VectorStore(database, Away(64))))
    number = added(service)
    with pytest.raises(ModelUnavailableError):
        trained(service, [number])
    assert listed(service, is_in_training_data=True) == []


def test_eight_at_once_train_a_verdict_once(service: FeedbackService, database: Database) -> None:
    numbers = [added(service, question=f"问题{index}") for index in range(5)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: trained(service, list(numbers)), range(8)))
    assert sum(answer["summary"]["positive_trained"] for answer in answers) == 5
    with database.session() as session:
        assert len(session.scalars(select(EMBEDDING.c.id)).all()) == 5


@pytest.mark.parametrize("value", ["false", "No", " off ", 0, False])
def test_what_means_no_is_no(service: FeedbackService, value: object) -> None:
    number = added(service, is_thumb_up=value)
    assert [record["id"] for record in listed(service, is_thumb_up=value)] == [number]
    assert listed(service, is_thumb_up="yes") == []


def test_a_refused_verdict_uses_up_no_id(service: FeedbackService) -> None:
    first = added(service)
    with pytest.raises(BadRequestError):
        added(service, user_id="u" * 65)
    assert added(service, user_id="u" * 64) == first + 1
