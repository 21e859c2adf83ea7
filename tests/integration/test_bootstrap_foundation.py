"""A container that nobody started starts at its first use: once, whole, and again when it failed."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import app_config
from bootstrap.container import Container
from common.config_service import ConfigService
from common.errors import StoreUnavailableError
from core.schema_migrations import current_revision, known_revisions
from tools.scratch_databases import drop_database, fresh_database

USERS = 8


@pytest.fixture
def later_url(platform_url: str) -> Iterator[str]:
    """The address of a database that is not there yet."""
    url = fresh_database(platform_url, f"citu_test_foundation_{os.getpid()}")
    drop_database(platform_url, url)
    yield url
    drop_database(platform_url, url)


@pytest.fixture
def container(later_url: str, business_owner_url: str, redis_url: str, tmp_path: Path) -> Iterator[Container]:
    environ = {"DATABASE_URL": later_url, "BUSINESS_DATABASE_URL": business_owner_url, "REDIS_URL": redis_url}
    environ |= {"DATA_DIR": str(tmp_path), "LLM_PROVIDER": "offline", "DEMO_DATA": "false"}
    nowhere = tmp_path / "absent"
    made = Container(ConfigService(app_config.rows(), environ=environ, dotenv_path=None, settings_path=nowhere))
    yield made
    made.close()


def test_start_that_failed_is_made_up_for_and_first_users_share_everything(
    container: Container, later_url: str, platform_url: str
) -> None:
    with pytest.raises(StoreUnavailableError):
        container.shared.conversations  # noqa: B018
    fresh_database(platform_url, urlsplit(later_url).path.lstrip("/"))
    parts: list[Callable[[], object]] = [
        lambda: container.shared.platform,
        lambda: container.shared.redis,
        lambda: container.shared.cache_redis,
        lambda: container.shared.vector_store,
    ]
    with ThreadPoolExecutor(USERS) as threads:
        found = list(threads.map(lambda number: parts[number % len(parts)](), range(USERS)))
    assert [id(one) for one in found[:4]] == [id(one) for one in found[4:]]
    assert container.shared.cache_redis is container.shared.redis is found[1]
    assert current_revision(later_url) == known_revisions()[1]
