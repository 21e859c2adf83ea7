"""The cache routes: parse the request, let the service decide, render the envelope. Emptying is for administrators."""

from __future__ import annotations

from flask import Response, request
from flask_restx import Namespace

from common.tenant import DEFAULT_TENANT_NAME as TENANT
from features.caches.schemas import CacheEnvelope, CleanupRequest
from features.caches.service import CachesService
from features.wire.bodies import parse_body
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, ServiceResource, documented, envelope_response, json_object
from features.wire.values import lenient_int

docs = Namespace("caches", description="Cached embeddings, answers and sessions")
condition = documented(docs, CleanupRequest)
answer = documented(docs, CacheEnvelope)
failure = documented(docs, ErrorEnvelope)
LIMIT = {"limit": {"in": "query", "type": "string", "description": "Answers to list, a number from 1 to 500; else 50"}}


class CacheResource(ServiceResource[CachesService], service="caches"):
    """A resource that asks the caches' service."""


class EmbeddingCacheStats(CacheResource):
    """Kept embeddings."""

    @docs.doc("embedding_cache_stats", description="How many embeddings of questions are kept.")
    @docs.response(200, "The counts; available is false without Redis", answer)
    def get(self) -> Response:
        return envelope_response(self._service.embedding_stats(TENANT))


class EmbeddingCacheCleanup(CacheResource):
    """Empties the embeddings."""

    @docs.doc("embedding_cache_cleanup", description="Remove every kept embedding. Takes no body.")
    @docs.response(200, "They are gone", answer)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(500, "Redis was lost on the way", failure)
    @docs.response(503, "The cache is switched off, or Redis is away", failure)
    def post(self) -> Response:
        return envelope_response(self._service.clear_embeddings(TENANT))


class QaCacheStats(CacheResource):
    """Kept answers."""

    @docs.doc("qa_cache_stats", description="How many answers are kept.")
    @docs.response(200, "The counts; only available (false) without Redis", answer)
    def get(self) -> Response:
        return envelope_response(self._service.answer_stats(TENANT))


class QaCacheList(CacheResource):
    """The newest kept answers."""

    @docs.doc("qa_cache_list", description="The newest kept answers; none while the cache is not used.", params=LIMIT)
    @docs.response(200, "The list", answer)
    @docs.response(500, "Redis is away", failure)
    def get(self) -> Response:
        return envelope_response(self._service.list_answers(TENANT, lenient_int(request.args.get("limit"))))


class QaCacheCleanup(CacheResource):
    """Empties the answers."""

    @docs.doc("qa_cache_cleanup", description="Remove every kept answer. Takes no body.")
    @docs.response(200, "They are gone", answer)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(500, "Redis is away or was lost on the way", failure)
    def post(self) -> Response:
        return envelope_response(self._service.clear_answers(TENANT))


class CacheOverview(CacheResource):
    """Sessions of ask_cached in short."""

    @docs.doc("cache_overview", description="Sessions of ask_cached and its latest questions, of this process.")
    @docs.response(200, "The overview", answer)
    def get(self) -> Response:
        return envelope_response(self._service.session_overview(TENANT))


class CacheStats(CacheResource):
    """Sessions of ask_cached in numbers."""

    @docs.doc("cache_stats", description="Counts of ask_cached's sessions and questions, of this process.")
    @docs.response(200, "The counts", answer)
    def get(self) -> Response:
        return envelope_response(self._service.session_stats(TENANT))


class CacheExport(CacheResource):
    """Sessions of ask_cached in full."""

    @docs.doc("cache_export", description="Everything kept of ask_cached's sessions, of this process.")
    @docs.response(200, "The export", answer)
    def get(self) -> Response:
        return envelope_response(self._service.export_sessions(TENANT))


class CachePreviewCleanup(CacheResource):
    """What a clean-up would remove."""

    @docs.doc("cache_preview_cleanup", description="Which sessions of ask_cached a clean-up would remove.")
    @docs.expect(condition, validate=False)
    @docs.response(200, "The preview", answer)
    @docs.response(400, "The condition is missing or wrong", failure)
    @docs.response(422, "before_timestamp is not a time", failure)
    def post(self) -> Response:
        wanted = parse_body(CleanupRequest, json_object(request))
        return envelope_response(self._service.preview_cleanup(TENANT, wanted))


class CacheCleanup(CacheResource):
    """Removes old sessions."""

    @docs.doc("cache_cleanup", description="Remove the sessions of ask_cached that ended before a moment.")
    @docs.expect(condition, validate=False)
    @docs.response(200, "What is gone", answer)
    @docs.response(400, "The condition is missing or wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(422, "before_timestamp is not a time", failure)
    def post(self) -> Response:
        wanted = parse_body(CleanupRequest, json_object(request))
        return envelope_response(self._service.clean_up(TENANT, wanted))


class CacheOverviewFull(CacheResource):
    """Every cache at once."""

    @docs.doc("cache_overview_full", description="Counts of every cache and of the conversations.")
    @docs.response(200, "The overview", answer)
    def get(self) -> Response:
        return envelope_response(self._service.full_overview(TENANT))


ROUTES = (
    Route("/api/v0/cache_cleanup", docs, CacheCleanup, Access.ADMIN, writes=("POST",)),
    Route("/api/v0/cache_export", docs, CacheExport, Access.PUBLIC),
    Route("/api/v0/cache_overview", docs, CacheOverview, Access.PUBLIC),
    Route("/api/v0/cache_overview_full", docs, CacheOverviewFull, Access.PUBLIC),
    Route("/api/v0/cache_preview_cleanup", docs, CachePreviewCleanup, Access.PUBLIC),
    Route("/api/v0/cache_stats", docs, CacheStats, Access.PUBLIC),
    Route("/api/v0/embedding_cache_cleanup", docs, EmbeddingCacheCleanup, Access.ADMIN, writes=("POST",)),
    Route("/api/v0/embedding_cache_stats", docs, EmbeddingCacheStats, Access.PUBLIC),
    Route("/api/v0/qa_cache_cleanup", docs, QaCacheCleanup, Access.ADMIN, writes=("POST",)),
    Route("/api/v0/qa_cache_list", docs, QaCacheList, Access.PUBLIC),
    Route("/api/v0/qa_cache_stats", docs, QaCacheStats, Access.PUBLIC),
)
