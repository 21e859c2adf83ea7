"""Search beyond the small case: by index in large collections, by words without an embedding, after a new model."""

from collections.abc import Iterator, Sequence

import pytest
from sqlalchemy import text

from common.errors import ModelUnavailableError
from core.database import Database
from core.llm.metering import CallAccount
from core.schema_migrations import upgrade_to_head
from core.vector_store import search, table_facts
from core.vector_store.ann_index import PREFIX, VectorSpace, build
from core.vector_store.door import TrainingDoor
from core.vector_store.embedding import HashedNgramEmbedder
from core.vector_store.records import TrainingItem
from core.vector_store.reembedding import Reembedding
from core.vector_store.search import TrainingSearch, Wanted
from core.vector_store.store import VectorStore

ACCOUNT = CallAccount("default", "alice", "test")
PLACES = "宜春庐山赣州南昌九江上饶吉安抚州鹰潭萍乡"
MEASURES = ("营收", "车流量", "订单数", "客单价", "微信金额")
QUESTIONS = [
    f"{PLACES[n % 20]}{PLACES[(n * 7 + 3) % 20]}服务区{2000 + n}年的{MEASURES[n % 5]}是多少" for n in range(400)
]
PAIRS = [TrainingItem(f"SELECT {number}", question) for number, question in enumerate(QUESTIONS)]


class LostEmbedder(HashedNgramEmbedder):
    """The same vector space, but the service does not answer."""

    def embed(self, texts: Sequence[str], *, account: CallAccount | None = None) -> list[list[float]]:
        raise ModelUnavailableError("向量服务不可用")

    def embed_question(self, question: str, *, account: CallAccount | None = None) -> list[float]:
        raise ModelUnavailableError("向量服务不可用")


@pytest.fixture(scope="module")
def database(platform_url: str) -> Iterator[Database]:
    upgrade_to_head(platform_url)
    database = Database(platform_url, pool_size=4)
    with database.session() as session:
        session.execute(text("TRUNCATE langchain_pg_embedding, langchain_pg_collection"))
    store = VectorStore(database, HashedNgramEmbedder(256))
    TrainingDoor(store).add("default", "sql", PAIRS)
    TrainingDoor(store).add("other", "sql", [TrainingItem("SELECT 'other'", question) for question in QUESTIONS[:50]])
    TrainingDoor(store).add("default", "error_sql", [TrainingItem("SELECT bad", QUESTIONS[7])])
    yield database
    with database.session() as session:
        session.execute(text("TRUNCATE langchain_pg_embedding, langchain_pg_collection"))
    database.dispose()


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundred records are many, so that the ways of large collections are taken."""
    monkeypatch.setattr(table_facts, "EXACT_ROWS", 100)


def index_names(database: Database) -> list[str]:
    with database.session() as session:
        found = session.scalars(
            text("SELECT indexname FROM pg_indexes WHERE starts_with(indexname, :p)"), {"p": PREFIX}
        )
        return list(found)


def recall(database: Database, search: TrainingSearch, questions: Sequence[str], nearest: int = 10) -> float:
    """The share of the nearest that the index finds; any record as near as the last of them counts as one.

    Many of these questions differ by a year only and are equally near, so that ids cannot be compared; the index
    keeps half precision, hence the tolerance.
    """
    distances = text(
        "SELECT id, embedding <=> CAST(:v AS vector) FROM langchain_pg_embedding WHERE tenant_id = 'default'"
    )
    hits = 0
    for question in questions:
        vector = HashedNgramEmbedder(256).embed([question])[0]
        with database.session() as session:
            by_id = {row[0]: row[1] for row in session.execute(distances, {"v": str(vector)})}
            found = search.nearest(session, "default", "sql", vector, nearest)
        furthest = sorted(by_id.values())[nearest - 1]
        hits += sum(by_id[one] <= furthest + 1e-3 for one in found)
    return hits / (nearest * len(questions))


@pytest.mark.usefixtures("large")
def test_large_collection_is_searched_by_index_and_finds_what_exact_search_finds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = HashedNgramEmbedder(256)
    with_index = TrainingSearch(database, embedder)
    assert build(database, VectorSpace.of(embedder), least_rows=100)
    used: list[str] = []
    nearest = TrainingSearch.nearest
    monkeypatch.setattr(TrainingSearch, "nearest", lambda self, *args: (used.append(args[2]), nearest(self, *args))[1])
    wanted = {"sql": Wanted(6, 0.0), "error_sql": Wanted(6, 0.8)}
    found = [with_index.find("default", question, wanted, ACCOUNT) for question in QUESTIONS[:40:4]]
    assert used == ["sql"] * 10
    monkeypatch.setattr(table_facts, "EXACT_ROWS", 10_000)
    exact_search = TrainingSearch(database, embedder)
    exact = [exact_search.find("default", question, wanted, ACCOUNT) for question in QUESTIONS[:40:4]]
    assert len(used) == 10
    for ours, theirs in zip(found, exact, strict=True):
        assert ours.matches["sql"][0] == theirs.matches["sql"][0]
    assert recall(database, with_index, QUESTIONS[:40:4]) >= 0.95
    assert all("other" not in match.content for ours in found for match in ours.matches["sql"])


def test_index_is_built_once_and_replaces_that_of_another_model(database: Database) -> None:
    space = VectorSpace.of(HashedNgramEmbedder(256))
    assert build(database, space, least_rows=100)
    assert build(database, space, least_rows=100)
    assert index_names(database) == [space.index_name]
    assert not build(database, VectorSpace("unknown", 256), least_rows=100)
    assert index_names(database) == [space.index_name]


def test_words_alone_find_records_when_nothing_can_be_embedded(database: Database) -> None:
    lost = TrainingSearch(database, LostEmbedder(256))
    found = lost.find("default", QUESTIONS[7], {"sql": Wanted(6, 0.65), "error_sql": Wanted(6, 0.8)}, ACCOUNT)
    assert found.is_lexical_only
    best = found.matches["sql"][0]
    assert (best.question, best.score, best.rank) == (QUESTIONS[7], 1.0, 1)
    assert [match.content for match in found.matches["error_sql"]] == ["SELECT bad"]
    nothing = lost.find("default", "？！", {"sql": Wanted()}, ACCOUNT)
    assert list(nothing.matches["sql"]) == []
    of_other = lost.find("other", QUESTIONS[7], {"sql": Wanted()}, ACCOUNT).matches["sql"]
    assert {match.content for match in of_other} == {"SELECT 'other'"}


def test_common_words_are_known_from_the_statistics(database: Database) -> None:
    with database.session() as session:
        session.execute(text("ANALYZE langchain_pg_embedding"))
    with database.session() as session:
        expected = table_facts._expected_rows(session)
    assert expected["服务"] == pytest.approx(451, abs=5)
    assert expected.get("2007", 0.0) < 10


def test_new_model_makes_records_idle_until_they_are_embedded_anew(database: Database) -> None:
    embedder = HashedNgramEmbedder(128)
    store = VectorStore(database, embedder)
    assert (store.count("default").unusable, store.search("default", "sql", QUESTIONS[3])) == (401, [])
    with database.session() as session:
        session.execute(
            text("UPDATE langchain_pg_embedding SET document = 'not json' WHERE id = (SELECT min(id) "
                 "FROM langchain_pg_embedding WHERE tenant_id = 'other')")
        )  # fmt: skip
    work = Reembedding(database=database, embedder=embedder, batch_size=64)
    seen: list[tuple[int, int]] = []

    def stop_at_second_batch(done: int, total: int) -> None:
        seen.append((done, total))
        if len(seen) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work.run(stop_at_second_batch)
    assert (seen, work.pending()) == ([(64, 451), (128, 451)], 451 - 128 + (1 if _unread_in_first(database) else 0))
    outcome = work.run()
    assert outcome.unreadable == 1
    assert store.count("default").unusable == 0
    assert store.search("default", "sql", QUESTIONS[3])[0].question == QUESTIONS[3]
    assert (work.run().embedded, work.pending()) == (0, 1)


def _unread_in_first(database: Database) -> bool:
    """Whether the unreadable record was among the first 128 by id."""
    with database.session() as session:
        ids = list(session.scalars(text("SELECT id FROM langchain_pg_embedding ORDER BY id LIMIT 128")))
        broken = session.scalar(text("SELECT id FROM langchain_pg_embedding WHERE document = 'not json'"))
    return broken in ids


def test_embedder_that_gives_another_dimension_is_refused() -> None:
    class Wrong(HashedNgramEmbedder):
        def embed(self, texts: Sequence[str], *, account: CallAccount | None = None) -> list[list[float]]:
            return [[1.0] for _ in texts]

    with pytest.raises(ValueError, match="dimension"):
        search.checked_vectors(Wrong(32), ["a"], ACCOUNT)
