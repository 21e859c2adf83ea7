"""Builds the caches the question routes share, the service that shows them, and the direct question service."""

from __future__ import annotations

from collections.abc import Callable

from redis import Redis

from common.answering import AnswerEngine
from common.config_service import ConfigService
from common.errors import ServiceUnavailableError
from common.question_answer_cache import QuestionAnswerCache
from common.redis_conversation_manager import RedisConversationManager
from core.logging import get_app_logger
from core.vector_store.door import TrainingDoor
from core.vector_store.origin import Origin, Standing
from core.vector_store.records import TrainingItem
from features.ask.answering import CachedAnswering
from features.ask.direct.service import DirectAskLimits, DirectAskService, Train
from features.caches.session_cache import SessionCache
from web.training_trust import TrainingTrust

logger = get_app_logger("direct_ask")


def build_answer_cache(settings: ConfigService, redis: Redis, is_read_only: Callable[[], bool]) -> QuestionAnswerCache:
    """Answers in Redis."""
    return QuestionAnswerCache(redis, ttl_seconds=settings.get("QUESTION_ANSWER_TTL"), is_read_only=is_read_only)


def build_session_cache(settings: ConfigService) -> SessionCache:
    """Answers of `ask_cached` in this process's memory."""
    return SessionCache(
        max_entries=settings.get("SESSION_CACHE_MAX_ENTRIES"), max_bytes=settings.get("SESSION_CACHE_MAX_BYTES")
    )


def build_direct_ask(
    settings: ConfigService,
    *,
    engine: Callable[[], AnswerEngine],
    conversations: RedisConversationManager,
    cached: CachedAnswering,
    sessions: SessionCache,
    door: Callable[[], TrainingDoor],
    trust: TrainingTrust,
) -> DirectAskService:
    """The service of `ask` and `ask_cached`."""
    standing = trust.automatic_standing if settings.get("ASK_AUTO_TRAIN") else None
    limits = DirectAskLimits(settings.get("MAX_QUESTION_CHARS"), settings.get("REQUEST_TIMEOUT"))
    return DirectAskService(
        engine=engine,
        conversations=conversations,
        limits=limits,
        cached=cached,
        sessions=sessions,
        train=_trainer(door(), standing, conversations.is_read_only) if standing else None,
    )


def _trainer(door: TrainingDoor, standing: Standing, is_read_only: Callable[[], bool]) -> Train:
    def train(tenant: str, question: str, sql: str) -> None:
        """The answer is there already; a training store that is away, or may not be written, costs the example."""
        if is_read_only():
            return
        try:
            door.admit(tenant, "sql", [TrainingItem(sql, question)], Origin("ask_auto_train", standing))
        except (ServiceUnavailableError, ValueError) as error:
            logger.warning("an answered question was not trained: %s", type(error).__name__)

    return train
