"""Many made-up question/SQL pairs in a scratch database: composed questions with the offline hashed n-gram vectors.

Questions share most of their wording, as those of one business domain do; that is harder for an approximate index and
for the lexical half than random vectors would be.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import psycopg

import app_config
from core.embedded import acquire_servers
from core.schema_migrations import upgrade_to_head
from core.vector_store.embedding import HashedNgramEmbedder
from core.vector_store.lexical import bigrams
from core.vector_store.records import content_hash
from tools.scratch_databases import drop_database, fresh_database

DIMENSION: Final = 1024
TENANT: Final = "default"
_SEED: Final = 14
_ROWS_PER_COPY: Final = 5_000
_WORDS: Final[dict[str, Any]] = json.loads(Path(__file__).with_name("retrieval_words.json").read_text("utf-8"))
_PERIODS: Final = (
    *(_WORDS["month"].format(year=year, month=month) for year in range(2019, 2026) for month in range(1, 13)),
    *(_WORDS["recently"].format(count=count, unit=unit) for count in range(2, 40) for unit in _WORDS["units"]),
    *_WORDS["periods"],
)


class QuestionMaker:
    """Composes questions from a seed; two makers of one seed make the same ones."""

    def __init__(self, seed: int = _SEED) -> None:
        self._random = random.Random(seed)  # noqa: S311 - made-up questions are no secret
        names = random.Random(_SEED)  # noqa: S311
        self._areas = sorted({"".join(names.sample(_WORDS["name_characters"], 2)) for _ in range(500)})

    def next(self) -> str:
        pick = self._random.choice
        return str(pick(_WORDS["phrases"])).format(
            period=pick(_PERIODS),
            area=pick(self._areas),
            other=pick(self._areas),
            measure=pick(_WORDS["measures"]),
            count=self._random.randint(1, 999),
        )


@contextmanager
def scratch_platform() -> Iterator[str]:
    """The URL of an empty platform database, dropped afterwards, on DATABASE_URL's server or the embedded one."""
    name = f"citu_bench_retrieval_{os.getpid()}"
    given = os.environ.get("DATABASE_URL")
    if given:
        yield from _scratch(given, name)
        return
    with acquire_servers(app_config.project_path("data/bench")) as lease:
        yield from _scratch(lease.addresses.platform_url, name)


def _scratch(server: str, name: str) -> Iterator[str]:
    url = fresh_database(server, name)
    try:
        upgrade_to_head(url)
        yield url
    finally:
        drop_database(server, url)


def fill(url: str, count: int) -> None:
    """Write `count` different pairs by COPY."""
    embedder, maker = HashedNgramEmbedder(DIMENSION), QuestionMaker()
    known: set[str] = set()
    with psycopg.connect(url) as connection:
        connection.execute("SET synchronous_commit = off")
        collection = uuid4()
        connection.execute("INSERT INTO langchain_pg_collection (uuid, name) VALUES (%s, 'sql')", (collection,))
        while len(known) < count:
            questions: list[str] = []
            while len(questions) < _ROWS_PER_COPY and len(known) < count:
                question = maker.next()
                if question not in known:
                    known.add(question)
                    questions.append(question)
            _copy(connection, str(collection), embedder, questions)
            connection.commit()


def _copy(connection: psycopg.Connection, collection: str, embedder: HashedNgramEmbedder, questions: list[str]) -> None:
    columns = (
        "id, collection_id, embedding, document, cmetadata, tenant_id, content_hash, embedding_model, "
        "embedding_dimension, lexical_terms"
    )
    with connection.cursor().copy(f"COPY langchain_pg_embedding ({columns}) FROM STDIN") as copy:
        for question, vector in zip(questions, embedder.embed(questions), strict=True):
            document = json.dumps({"question": question, "sql": f"SELECT '{question}'"}, ensure_ascii=False)
            record_id = f"{uuid4()}-sql"
            numbers = ",".join("0" if number == 0.0 else f"{number:.7g}" for number in vector)
            terms = " ".join(f"'{term}'" for term in bigrams(question))
            copy.write_row(
                (
                    *(record_id, collection, f"[{numbers}]", document, json.dumps({"id": record_id}), TENANT),
                    *(content_hash(document), embedder.model_name, DIMENSION, terms),
                )
            )
