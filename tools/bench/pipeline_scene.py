"""Scratch databases and pipelines for the measurements of the data pipeline, and the child that gets killed.

`python -m tools.bench.pipeline_scene BUSINESS_URL PLATFORM_URL FOLDER` runs the demo's task once, in this process.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Final

import psycopg

import app_config
from bootstrap.pipeline import Pipelines, build_pipelines
from common.config_service import ConfigService
from core.database import Database
from core.embedded import acquire_servers
from core.schema_migrations import upgrade_to_head
from core.sql_executor.reader_role import ensure_reader_role
from core.vector_store.door import TrainingDoor
from core.vector_store.embedding import HashedNgramEmbedder
from core.vector_store.store import VectorStore
from data_pipeline.task import TaskSpec
from demo.loader import load_demo
from tools.scratch_databases import drop_database, fresh_database

DEMO_TABLES: Final = (
    "bss_company", "bss_service_area", "bss_section_route", "bss_section_route_area_link", "bss_business_day_data",
    "bss_car_day_count", "bss_service_area_mapper",
)  # fmt: skip
DEMO_END: Final = date(2024, 6, 30)
SPEC: Final = TaskSpec(
    "task_bench",
    started_at=datetime(2024, 7, 1, 8, 0, 0),  # noqa: DTZ001 - tasks carry naive local times
    database_name="highway_db",
    business_context="bench",
)


@dataclass(frozen=True)
class Scene:
    """Two scratch databases: the business one with its reader, and an empty platform database."""

    owner_url: str
    reader_url: str
    platform_url: str

    def empty_store(self) -> None:
        """Forget every trained record."""
        with psycopg.connect(self.platform_url, autocommit=True) as connection:
            connection.execute("TRUNCATE langchain_pg_embedding, langchain_pg_collection")

    def trained(self) -> tuple[str, int]:
        """Checksum of all trained documents in order, and how many are there twice."""
        query = "SELECT document, count(*) FROM langchain_pg_embedding GROUP BY 1 ORDER BY 1"
        with psycopg.connect(self.platform_url) as connection:
            rows = connection.execute(query).fetchall()
        digest = hashlib.sha256("\n".join(row[0] for row in rows).encode()).hexdigest()
        return digest, sum(row[1] > 1 for row in rows)


@contextmanager
def scene(data_dir: Path, *, has_demo: bool) -> Iterator[Scene]:
    """Databases on the embedded servers of `data_dir`; dropped at the end."""
    with acquire_servers(data_dir) as lease:
        servers = {"business": lease.addresses.business_owner_url, "platform": lease.addresses.platform_url}
        urls = {name: fresh_database(url, f"citu_bench_pipeline_{name}") for name, url in servers.items()}
        try:
            upgrade_to_head(urls["platform"])
            if has_demo:
                load_demo(urls["business"], end_date=DEMO_END, progress=lambda *_step: None)
            reader = ensure_reader_role(urls["business"], role="citu_bench_pipeline", password="x", schemas=["public"])  # noqa: S106
            yield Scene(urls["business"], reader, urls["platform"])
        finally:
            for name, url in servers.items():
                drop_database(url, urls[name])


@contextmanager
def pipelines_on(reader_url: str, platform_url: str) -> Iterator[tuple[Pipelines, VectorStore]]:
    """Offline pipelines with default settings."""
    nowhere = Path("/nonexistent")
    settings = ConfigService(
        app_config.rows(), environ={}, dotenv_path=nowhere / ".env", settings_path=nowhere / "settings.json"
    )
    platform = Database(platform_url, pool_size=2)
    store = VectorStore(platform, HashedNgramEmbedder())
    try:
        yield (
            build_pipelines(
                settings,
                business_url=lambda: reader_url,
                model=None,
                door=TrainingDoor(store),
                store=store,
                platform=platform,
            ),
            store,
        )
    finally:
        platform.dispose()


def main(arguments: list[str]) -> int:
    """The killed child's work."""
    reader_url, platform_url, folder = arguments
    with pipelines_on(reader_url, platform_url) as (pipelines, _), pipelines.runner() as runner:
        return 0 if runner.run(SPEC, Path(folder), resume=True).status == "completed" else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
