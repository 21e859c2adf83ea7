"""Quotas of what is kept: who is counted, what is refused, and that nothing is written then."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.caller import Caller, set_caller, working_for
from common.errors import QuotaExceededError, StorageFullError
from common.redis_conversation_manager import RedisConversationManager
from core.storage_quotas import ConversationQuota, FileQuota
from core.token_bucket import TokenBuckets
from features.pipeline_tasks.files import TaskFiles
from features.pipeline_tasks.task_folders import TaskFolders

TENANT = "default"
TASK = "task_20261130_120000"
OFFICE = Caller(TENANT, "", "203.0.113.9")


@pytest.fixture
def quota() -> ConversationQuota:
    return ConversationQuota(TokenBuckets(lambda: None), per_user=3, per_address=5)


@pytest.fixture(autouse=True)
def as_the_office() -> Iterator[None]:
    with working_for(OFFICE):
        yield


def begun(quota: ConversationQuota, user_id: str, number: int) -> int:
    """How many of so many conversations were admitted."""
    count = 0
    for _ in range(number):
        try:
            quota.admit(TENANT, user_id)
        except QuotaExceededError:
            break
        count += 1
    return count


def test_named_user_has_a_quota_and_the_address_another(quota: ConversationQuota) -> None:
    assert begun(quota, "amy", 10) == 3
    assert begun(quota, "bob", 10) == 2
    with pytest.raises(QuotaExceededError) as refused:
        quota.admit(TENANT, "bob")
    assert (refused.value.status, refused.value.error_type) == (429, "quota_exceeded")
    assert refused.value.retry_after_seconds


def test_guests_count_for_their_address(quota: ConversationQuota) -> None:
    assert begun(quota, "guest", 10) == 5
    with working_for(Caller(TENANT, "", "203.0.113.10")):
        assert begun(quota, "guest", 10) == 5


def test_user_is_the_same_everywhere(quota: ConversationQuota) -> None:
    assert begun(quota, "amy", 2) == 2
    with working_for(Caller(TENANT, "", "203.0.113.10")):
        assert begun(quota, "amy", 10) == 1


def test_exempt_addresses_and_the_service_itself_are_not_counted(quota: ConversationQuota) -> None:
    for caller in (Caller(), Caller(TENANT, "", "127.0.0.1", is_exempt=True)):
        with working_for(caller):
            assert begun(quota, "guest", 20) == 20


def test_nothing_is_stored_of_a_refused_conversation() -> None:
    class Untouched:
        """Fails when a script of the manager runs."""

        def register_script(self, _text: str) -> object:
            def run(**_arguments: object) -> None:
                raise AssertionError("something was stored")

            return run

    quota = ConversationQuota(TokenBuckets(lambda: None), per_user=1, per_address=1)
    quota.admit(TENANT, "amy")
    manager = RedisConversationManager(Untouched(), admit=quota.admit)  # type: ignore[arg-type]
    with pytest.raises(QuotaExceededError):
        manager.create_conversation(TENANT, "amy")


class Known:
    """Every task exists."""

    def require(self, _tenant: str, _task_id: str) -> None:
        """Passes."""


def files_of(tmp_path: Path, quota: FileQuota) -> TaskFiles:
    folders = TaskFolders(tmp_path)
    folders.make(TASK)
    folders.write(TASK, "a.txt", b"x" * 60)
    return TaskFiles(folders=folders, existing=Known(), quota=quota)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "mode", "size", "is_kept"),
    [
        ("b.txt", "backup", 40, True),
        ("b.txt", "backup", 41, False),
        ("a.txt", "replace", 100, True),
        ("a.txt", "replace", 101, False),
        ("a.txt", "backup", 41, False),
        ("a.txt", "skip", 500, True),
    ],
)
def test_files_of_a_task_have_so_many_bytes(tmp_path: Path, name: str, mode: str, size: int, is_kept: bool) -> None:
    files = files_of(tmp_path, FileQuota(task_bytes=100))
    before = sorted((path.name, path.read_bytes()) for path in (tmp_path / TASK).iterdir())
    stream = io.BytesIO(b"y" * size)
    if is_kept:
        assert files.upload(TENANT, TASK, stream, name, mode)["code"] == 200
        return
    with pytest.raises(StorageFullError) as refused:
        files.upload(TENANT, TASK, stream, name, mode)
    assert (refused.value.status, refused.value.error_type) == (507, "storage_full")
    assert sorted((path.name, path.read_bytes()) for path in (tmp_path / TASK).iterdir()) == before


def test_uploads_leave_room_on_the_disk(tmp_path: Path) -> None:
    FileQuota(reserve_bytes=1).admit_file(tmp_path / "not" / "there", 0, 1)
    with pytest.raises(StorageFullError):
        FileQuota(reserve_bytes=2**62).admit_file(tmp_path / "not" / "there", 0, 1)


def test_tasks_and_backups_are_counted() -> None:
    quota = FileQuota(tasks=2, backups=1)
    quota.admit_task(1)
    quota.admit_backup(0)
    with pytest.raises(StorageFullError):
        quota.admit_task(2)
    with pytest.raises(StorageFullError):
        quota.admit_backup(1)
    FileQuota().admit_task(10**9)
    FileQuota().admit_backup(10**9)


def test_exemption_does_not_make_another_caller() -> None:
    set_caller(OFFICE)
    assert Caller(TENANT, "", OFFICE.address, is_exempt=True) == OFFICE
