"""Builds the quotas of what callers may have the service keep."""

from __future__ import annotations

from common.config_service import ConfigService
from core.storage_quotas import ConversationQuota, FileQuota
from core.token_bucket import TokenBuckets


def conversation_quota(settings: ConfigService, buckets: TokenBuckets) -> ConversationQuota:
    """Conversations a day."""
    return ConversationQuota(
        buckets,
        per_user=settings.get("CONVERSATIONS_PER_USER_PER_DAY"),
        per_address=settings.get("CONVERSATIONS_PER_ADDRESS_PER_DAY"),
    )


def file_quota(settings: ConfigService) -> FileQuota:
    """What the settings let lie on disk."""
    return FileQuota(
        tasks=settings.get("PIPELINE_MAX_TASKS"),
        task_bytes=settings.get("PIPELINE_MAX_TASK_BYTES"),
        backups=settings.get("VECTOR_BACKUP_MAX_SETS"),
        reserve_bytes=settings.get("DISK_RESERVE_BYTES"),
    )
