"""What the old entry `citu_app.py` may use of this project, and the only thing it may (ADR 0003).

The old entry is frozen text, so this interface only grows: methods take keyword arguments only, their signatures are
written down in `tests/fixtures/legacy_port.json`, and every answer is a plain dict

    {"status": HTTP status, "headers": {name: value}, "body": JSON-ready object}

whatever goes wrong: no exception leaves a method. Nothing here loads the routes, the ReAct agent or other doors, so
that a new dependency that breaks cannot stop the old entry from starting; its health check looks at that agent and says
when it cannot be loaded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from types import ModuleType
from typing import IO, TYPE_CHECKING, Any

from flask import Flask, request

from bootstrap.container import Container, build_container
from bootstrap.legacy_rules import guard_requests
from common import messages
from common.cancellation import CancelSignal
from common.errors import CituError, ServiceUnavailableError
from common.messages import legacy as texts
from common.result import Envelope, internal_error_response, local_timestamp
from common.tenant import DEFAULT_TENANT_NAME as TENANT
from core.logging import get_app_logger
from core.vector_store.origin import Standing
from features.ask.direct.schemas import DirectAskRequest
from features.ask.schemas import AskRequest
from features.caches.schemas import CleanupRequest
from features.database_tools import presentation as database_answers
from features.database_tools import schemas as database_requests
from features.feedback import presentation as shown_feedback
from features.feedback import schemas as feedback
from features.health.agent import presentation as agent_health
from features.run_sql import presentation as shown_sql
from features.run_sql.schemas import RunSqlRequest
from features.training_data.schemas import CreateRequest, DeleteRequest, PairRequest, QueryRequest
from features.wire.bodies import json_object, optional_json_object, parse_body
from features.wire.values import lenient_int
from serving.plain_server import run_plain
from web.error_envelopes import envelope_of

if TYPE_CHECKING:
    from bootstrap.pipeline_tasks import PipelineTasks

logger = get_app_logger("legacy_port")

PortAnswer = dict[str, Any]
Body = Mapping[str, Any]


def open_port(*, name: str, version: str) -> LegacyPort:
    """The port of this process, with settings read and logging set up; connects to nothing.

    Raises:
        ConfigurationError: a setting has a value the service cannot start with.
    """
    port = LegacyPort(name=name, version=version, container=build_container())
    logger.info("%s %s", name, version)
    return port


class LegacyPort:
    """See the module. One object a process; safe in any thread."""

    def __init__(self, *, name: str, version: str, container: Container) -> None:
        self._name = name
        self._version = version
        self._container = container

    def _standing(self) -> Standing:
        """What training records of the request that is being answered may."""
        return self._container.training_trust.standing_of(request)

    @property
    def _pipeline(self) -> PipelineTasks:
        return self._container.pipeline_tasks

    def configure(self, *, app: Flask) -> None:
        """What every entry does around a request: ids and log lines, who may call, size limits, recording."""
        guard_requests(app, self._container, name=self._name)

    def serve(self, *, app: Flask) -> None:
        """Serve `app` on HOST and PORT until the process is told to stop; brings up what is missing first."""
        run_plain(self._container, app)

    def root(self) -> PortAnswer:
        """What runs here."""
        return _raw(
            {
                "message": messages.SERVICE_RUNNING,
                "name": self._name,
                "version": self._version,
                "docs": texts.DOCS,
                "services": self._container.health.check().services,
                "timestamp": local_timestamp(),
            }
        )

    def health(self, *, query: Body) -> PortAnswer:
        """Whether questions can be answered now; `strict=1` counts degraded as not."""
        found = self._container.health.check()
        is_fine = found.status == "healthy" or (found.status == "degraded" and query.get("strict") != "1")
        return _raw(found.model_dump(), HTTPStatus.OK if is_fine else HTTPStatus.SERVICE_UNAVAILABLE)

    # Questions: see docs/contract/questions.md

    async def ask_agent(self, *, body: Body, caller_left: CancelSignal | None = None) -> PortAnswer:
        """A question to the classic agent."""
        container = self._container
        return await _elsewhere(lambda: container.ask.ask(parse_body(AskRequest, body), caller_left))

    async def ask(self, *, body: Body, caller_left: CancelSignal | None = None) -> PortAnswer:
        """A question straight to the database."""
        container = self._container
        return await _elsewhere(lambda: container.direct_ask.ask(parse_body(DirectAskRequest, body), caller_left))

    async def ask_cached(self, *, body: Body, caller_left: CancelSignal | None = None) -> PortAnswer:
        """The same, from the cache when it was asked before."""
        container = self._container
        return await _elsewhere(
            lambda: container.direct_ask.ask_cached(parse_body(DirectAskRequest, body), caller_left)
        )

    async def agent_health(self) -> PortAnswer:
        """The agent tried out."""
        return await _elsewhere(lambda: agent_health.shown(self._container.agent_health.check()))

    def citu_run_sql(self, *, body: Body, caller_left: CancelSignal | None = None) -> PortAnswer:
        """One statement of the caller's own."""

        def run() -> Envelope:
            statement = parse_body(RunSqlRequest, body)
            return shown_sql.executed(statement, self._container.run_sql.run(TENANT, statement, caller_left))

        return _port_answer(run)

    # Conversations: see docs/contract/conversations.md

    def user_conversations(self, *, user_id: str, query: Body) -> PortAnswer:
        """A user's conversations; `query` may have `limit`."""
        return _port_answer(
            lambda: self._container.conversation_service.list_of_user(TENANT, user_id, _number(query, "limit"))
        )

    def user_conversations_full(self, *, user_id: str, query: Body) -> PortAnswer:
        """The same with messages; `query` may have `conversation_limit` and `message_limit`."""
        limits = (_number(query, "conversation_limit"), _number(query, "message_limit"))
        return _port_answer(lambda: self._container.conversation_service.full_of_user(TENANT, user_id, *limits))

    def conversation_messages(self, *, conversation_id: str, query: Body) -> PortAnswer:
        """The messages of one conversation; `query` may have `limit`."""
        limit = _number(query, "limit")
        return _port_answer(lambda: self._container.conversation_service.messages_of(TENANT, conversation_id, limit))

    def conversation_context(self, *, conversation_id: str, query: Body) -> PortAnswer:
        """The last rounds as text; `query` may have `count`."""
        count = _number(query, "count")
        return _port_answer(lambda: self._container.conversation_service.context_of(TENANT, conversation_id, count))

    def conversation_stats(self) -> PortAnswer:
        """How much is kept."""
        return _port_answer(lambda: self._container.conversation_service.stats(TENANT))

    def conversation_cleanup(self) -> PortAnswer:
        """Removes references to ended conversations, whatever the request says (docs/contract/conversations.md)."""
        return _port_answer(lambda: self._container.conversation_service.remove_dead_references(TENANT))

    # Caches: see docs/contract/conversations.md

    def embedding_cache_stats(self) -> PortAnswer:
        """Kept embeddings."""
        return _port_answer(lambda: self._container.caches.embedding_stats(TENANT))

    def embedding_cache_cleanup(self) -> PortAnswer:
        """Empties the embeddings."""
        return _port_answer(lambda: self._container.caches.clear_embeddings(TENANT))

    def qa_cache_stats(self) -> PortAnswer:
        """Kept answers."""
        return _port_answer(lambda: self._container.caches.answer_stats(TENANT))

    def qa_cache_list(self, *, query: Body) -> PortAnswer:
        """The newest kept answers; `query` may have `limit`."""
        return _port_answer(lambda: self._container.caches.list_answers(TENANT, _number(query, "limit")))

    def qa_cache_cleanup(self) -> PortAnswer:
        """Empties the answers."""
        return _port_answer(lambda: self._container.caches.clear_answers(TENANT))

    def cache_overview(self) -> PortAnswer:
        """Sessions of ask_cached in short."""
        return _port_answer(lambda: self._container.caches.session_overview(TENANT))

    def cache_stats(self) -> PortAnswer:
        """Sessions of ask_cached in numbers."""
        return _port_answer(lambda: self._container.caches.session_stats(TENANT))

    def cache_export(self) -> PortAnswer:
        """Sessions of ask_cached in full."""
        return _port_answer(lambda: self._container.caches.export_sessions(TENANT))

    def cache_preview_cleanup(self, *, body: Body) -> PortAnswer:
        """What a clean-up would remove."""
        return _port_answer(lambda: self._container.caches.preview_cleanup(TENANT, parse_body(CleanupRequest, body)))

    def cache_cleanup(self, *, body: Body) -> PortAnswer:
        """Removes old sessions."""
        return _port_answer(lambda: self._container.caches.clean_up(TENANT, parse_body(CleanupRequest, body)))

    def cache_overview_full(self) -> PortAnswer:
        """Every cache at once."""
        return _port_answer(lambda: self._container.caches.full_overview(TENANT))

    # Feedback: see docs/contract/feedback.md

    def qa_feedback_add(self, *, body: Body) -> PortAnswer:
        """A new verdict."""
        service = self._container.feedback
        return _port_answer(lambda: shown_feedback.added(service.add(TENANT, feedback.parse_new(body))))

    def qa_feedback_query(self, *, body: Body) -> PortAnswer:
        """Verdicts, filtered, sorted and in pages."""

        def page() -> Envelope:
            query = feedback.parse_query(body)
            return shown_feedback.listed(query, self._container.feedback.query(TENANT, query))

        return _port_answer(page)

    def qa_feedback_update(self, *, feedback_id: int, body: Body) -> PortAnswer:
        """Changes of a verdict."""

        def change() -> Envelope:
            self._container.training_trust.demand_change(request)
            change = feedback.parse_change(body)
            self._container.feedback.update(TENANT, feedback_id, change)
            return shown_feedback.updated(feedback_id, change)

        return _port_answer(change)

    def qa_feedback_delete(self, *, feedback_id: int) -> PortAnswer:
        """Deletes a verdict."""

        def delete() -> Envelope:
            self._container.feedback.delete(TENANT, feedback_id)
            return shown_feedback.deleted(feedback_id)

        return _port_answer(delete)

    def qa_feedback_add_to_training(self, *, body: Body) -> PortAnswer:
        """Verdicts that become training data."""

        def train() -> Envelope:
            ids = feedback.parse_training(body)
            outcomes = self._container.feedback.add_to_training(TENANT, ids, self._standing())
            return shown_feedback.trained(ids, outcomes)

        return _port_answer(train)

    def qa_feedback_stats(self) -> PortAnswer:
        """Counts of verdicts."""
        return _port_answer(lambda: shown_feedback.counted(self._container.feedback.stats(TENANT)))

    # Training data: see docs/contract/training.md

    def training_data_stats(self) -> PortAnswer:
        """How many records there are."""
        return _port_answer(lambda: self._container.training.data.stats(TENANT))

    def training_data_query(self, *, body: Body) -> PortAnswer:
        """A page of records."""
        return _port_answer(lambda: self._container.training.data.query(TENANT, parse_body(QueryRequest, body)))

    def training_data_create(self, *, body: Body) -> PortAnswer:
        """New records, each with its own outcome."""
        return _port_answer(
            lambda: self._container.training.data.create(TENANT, parse_body(CreateRequest, body), self._standing())
        )

    def training_data_delete(self, *, body: Body) -> PortAnswer:
        """Records that go, each with its own outcome."""
        return _port_answer(lambda: self._container.training.data.delete(TENANT, parse_body(DeleteRequest, body)))

    def citu_train_question_sql(self, *, body: Body) -> PortAnswer:
        """One right pair."""
        return _port_answer(
            lambda: self._container.training.pairs.train(TENANT, parse_body(PairRequest, body), self._standing())
        )

    def training_error_question_sql(self, *, body: Body) -> PortAnswer:
        """One wrong pair."""
        return _port_answer(
            lambda: self._container.training.pairs.train_wrong(TENANT, parse_body(PairRequest, body), self._standing())
        )

    # The data pipeline: see docs/contract/pipeline.md. `raw` is the body, `query` has every value

    def pipeline_task_create(self, *, raw: bytes) -> PortAnswer:
        """A new task."""

        def create() -> Envelope:
            return self._pipeline.tasks.create(TENANT, _pipeline().parse_new_task(json_object(raw)))

        return _port_answer(create, HTTPStatus.CREATED)

    def pipeline_task_execute(self, *, task_id: str, raw: bytes, content_type: str | None) -> PortAnswer:
        """Run a task, or one step of it; what the old entry never knew is ignored (docs/contract/pipeline.md)."""

        def execute() -> Envelope:
            body = optional_json_object(raw, content_type)
            wanted = _pipeline().parse_execution(body, has_vector_flags=False)
            standing = self._container.training_trust.run_standing_of(request)
            return self._pipeline.tasks.execute(TENANT, task_id, wanted, standing)

        return _port_answer(execute, HTTPStatus.ACCEPTED)

    def pipeline_task(self, *, task_id: str) -> PortAnswer:
        """One task."""
        return _port_answer(lambda: self._pipeline.tasks.status(TENANT, task_id))

    def pipeline_tasks(self, *, query: Body) -> PortAnswer:
        """Tasks, newest first; `query` has one value a parameter."""
        return _port_answer(lambda: self._pipeline.tasks.listed(TENANT, _pipeline().parse_list(query)))

    def pipeline_task_query(self, *, raw: bytes, content_type: str | None) -> PortAnswer:
        """Tasks, filtered, sorted and in pages."""

        def find() -> Envelope:
            return self._pipeline.tasks.query(TENANT, _pipeline().parse_query(optional_json_object(raw, content_type)))

        return _port_answer(find)

    def pipeline_tasks_delete(
        self, *, raw: bytes, content_type: str | None, query: Mapping[str, Sequence[str]]
    ) -> PortAnswer:
        """Tasks that go, with their files."""

        def delete() -> Envelope:
            body = _bodies().deletion_parameters(raw, content_type, query)
            return self._pipeline.tasks.delete(TENANT, _pipeline().parse_deletion(body))

        return _port_answer(delete)

    def pipeline_task_logs(self, *, task_id: str, query: Body) -> PortAnswer:
        """The end of a task's log."""
        return _port_answer(lambda: self._pipeline.logs.tail(TENANT, task_id, query))

    def pipeline_task_log_query(self, *, task_id: str, raw: bytes, content_type: str | None) -> PortAnswer:
        """A task's log, searched."""
        return _port_answer(lambda: self._pipeline.logs.query(TENANT, task_id, _bodies().log_query(raw, content_type)))

    def pipeline_task_files(self, *, task_id: str) -> PortAnswer:
        """The files of a task."""
        return _port_answer(lambda: self._pipeline.files.listed(TENANT, task_id))

    def pipeline_task_file(self, *, task_id: str, file_name: str) -> PortAnswer:
        """One file: an answer with `file`: `content` (bytes), `name`, `content_type`, `etag`, `modified_at`."""
        found: dict[str, Any] = {}

        def read() -> Envelope:
            sent = self._pipeline.files.sent(TENANT, task_id, file_name)
            found.update(content=sent.read_all(), name=sent.name, content_type=sent.content_type)
            found.update(etag=sent.etag, modified_at=sent.modified_at)
            return {"code": HTTPStatus.OK}

        answer = _port_answer(read)
        return {**answer, "file": found} if found else answer

    def pipeline_task_upload(
        self, *, task_id: str, stream: IO[bytes] | None, name: str | None, overwrite_mode: str | None
    ) -> PortAnswer:
        """Keep an uploaded file; no `stream` when none was sent."""
        return _port_answer(lambda: self._pipeline.files.upload(TENANT, task_id, stream, name, overwrite_mode))

    def pipeline_table_list_upload(self, *, task_id: str, stream: IO[bytes] | None, name: str | None) -> PortAnswer:
        """A list of tables as a file."""
        return _port_answer(lambda: self._pipeline.lists.upload(TENANT, task_id, stream, name))

    def pipeline_table_list(self, *, task_id: str, raw: bytes) -> PortAnswer:
        """A list of tables as names."""
        return _port_answer(lambda: self._pipeline.lists.write(TENANT, task_id, json_object(raw)))

    def pipeline_table_list_info(self, *, task_id: str) -> PortAnswer:
        """What the list is."""
        return _port_answer(lambda: self._pipeline.lists.info(TENANT, task_id))

    # Database tools: see docs/contract/databases.md

    def database_tables(self, *, body: Body) -> PortAnswer:
        """Tables of the business database, or of one that a setting allows."""

        def tables() -> Envelope:
            query = database_requests.parse_tables(body)
            return database_answers.listed(query, self._container.database_tools.tables(TENANT, query))

        return _port_answer(tables)

    def database_table_ddl(self, *, body: Body) -> PortAnswer:
        """One table described."""

        def table() -> Envelope:
            query = database_requests.parse_table(body)
            return database_answers.described(query, self._container.database_tools.table(TENANT, query))

        return _port_answer(table)

    def failed(self, *, error: Exception) -> PortAnswer:
        """The answer to an exception of a request hook or a handler."""
        return _port_answer(lambda: _raise(error))


def _raise(error: Exception) -> Envelope:
    raise error


def _pipeline() -> ModuleType:
    """Loaded at its first use, so that the entry starts without what the pipeline needs."""
    from features.pipeline_tasks import schemas

    return schemas


def _bodies() -> ModuleType:
    from features.pipeline_tasks import bodies

    return bodies


def _number(query: Body, name: str) -> int | None:
    return lenient_int(query.get(name))


def _raw(body: Mapping[str, Any], status: int = 200) -> PortAnswer:
    return {"status": int(status), "headers": {}, "body": dict(body)}


async def _elsewhere(ask: Callable[[], Envelope]) -> PortAnswer:
    """The service runs its own event loop for the agent, so it needs a thread that has none."""
    return await asyncio.to_thread(_port_answer, ask)


def _port_answer(ask: Callable[[], Envelope], status: int = HTTPStatus.OK) -> PortAnswer:
    """What `ask` returns; a success leaves with `status`."""
    try:
        envelope = ask()
    except CituError as error:
        return _refused(error)
    except Exception:
        logger.exception("request failed")
        return _raw(internal_error_response(messages.REQUEST_FAILED), HTTPStatus.INTERNAL_SERVER_ERROR)
    code = envelope["code"]
    return _raw(envelope, status if code == HTTPStatus.OK else code)


def _refused(error: CituError) -> PortAnswer:
    """The answer to an error of ours."""
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.warning("answered %s %s", error.status, error.error_type, exc_info=error.__cause__)
    envelope = envelope_of(error)
    answer = _raw(envelope, envelope["code"])
    if isinstance(error, ServiceUnavailableError):
        answer["headers"]["Retry-After"] = str(error.retry_after_seconds or 1)
    return answer
