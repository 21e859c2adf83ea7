"""`/api/v0/data_pipeline/tasks`: parses requests, lets the services decide, renders envelopes and streams."""

from __future__ import annotations

from typing import Any, Final, Protocol

from flask import Response, request
from flask_restx import Namespace

from common.result import Envelope
from common.tenant import DEFAULT_TENANT_NAME as TENANT
from core.vector_store.origin import Standing
from features.pipeline_tasks import bodies, schemas
from features.pipeline_tasks.events import TaskEvents
from features.pipeline_tasks.service import PipelineTaskService
from features.wire.bodies import optional_json_object
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import (
    Access,
    Route,
    ServiceResource,
    Work,
    caller_left,
    documented,
    envelope_response,
    event_stream,
    json_object,
    last_event_id,
)

docs = Namespace("data_pipeline", description="From a schema to trained examples, in the background")
answer = documented(docs, schemas.TaskEnvelope)
failure = documented(docs, ErrorEnvelope)
AWAY: Final = "The platform database cannot be reached, or the service is in read-only mode"
CREATED: Final = 201
ACCEPTED: Final = 202


class PipelineTasks(Protocol):
    """What these routes use of the pipeline tasks."""

    @property
    def tasks(self) -> PipelineTaskService: ...

    @property
    def events(self) -> TaskEvents: ...

    @property
    def require_admin(self) -> Any: ...

    @property
    def standing_of(self) -> Any: ...


class TaskResource(ServiceResource[PipelineTasks], service="pipeline_tasks"):
    """A route on the task service."""

    @property
    def tasks(self) -> PipelineTaskService:
        return self._service.tasks

    @property
    def _standing(self) -> Standing | None:
        """What training records of a run may that the caller starts; None when he may train nothing."""
        standing: Standing | None = self._service.standing_of(request)
        return standing


class DataPipelineTasks(TaskResource):
    """All tasks."""

    @docs.doc("data_pipeline_create_task", description="Make a task; it runs when it is executed.")
    @docs.expect(documented(docs, schemas.NewTask), validate=False)
    @docs.response(201, "The task; body code 200", answer)
    @docs.response(400, "A parameter is wrong", failure)
    @docs.response(403, "db_connection names a database nobody allowed", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, AWAY, failure)
    def post(self) -> Response:
        wanted = schemas.parse_new_task(json_object(request))
        return _accepted_response(self.tasks.create(TENANT, wanted), CREATED)

    @docs.doc("data_pipeline_list_tasks", description="The newest tasks; what is no number counts as not given.")
    @docs.param("limit", "1 to 100, by default 50")
    @docs.param("offset", "By default 0")
    @docs.param("status", "Exactly this status")
    @docs.response(200, "Some tasks; total counts those", answer)
    @docs.response(503, "The platform database cannot be reached", failure)
    def get(self) -> Response:
        return envelope_response(self.tasks.listed(TENANT, schemas.parse_list(request.args)))

    @docs.doc("data_pipeline_delete_tasks", description="Delete tasks' folders, and their rows when asked to.")
    @docs.expect(documented(docs, schemas.DeletionRequest), validate=False)
    @docs.response(200, "What became of each; also when all failed", answer)
    @docs.response(400, "A parameter is missing or wrong", failure)
    @docs.response(403, "The caller is not an administrator", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, AWAY, failure)
    def delete(self) -> Response:
        query = {name: request.args.getlist(name) for name in request.args}
        self._service.require_admin(request)
        body = bodies.deletion_parameters(request.get_data(cache=False), request.content_type, query)
        return envelope_response(self.tasks.delete(TENANT, schemas.parse_deletion(body)))


class DataPipelineTaskQuery(TaskResource):
    """Tasks, filtered, sorted and in pages."""

    @docs.doc("data_pipeline_query_tasks", description="Tasks, filtered, sorted and in pages.")
    @docs.expect(documented(docs, schemas.TaskQuery), validate=False)
    @docs.response(200, "A page of tasks", answer)
    @docs.response(400, "A parameter is wrong", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def post(self) -> Response:
        wanted = schemas.parse_query(optional_json_object(request.get_data(cache=False), request.content_type))
        return envelope_response(self.tasks.query(TENANT, wanted))


class DataPipelineTask(TaskResource):
    """One task."""

    @docs.doc("data_pipeline_get_task", description="The task, its steps with their progress, and its last run.")
    @docs.response(200, "The task", answer)
    @docs.response(404, "There is no such task", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def get(self, task_id: str) -> Response:
        return envelope_response(self.tasks.status(TENANT, task_id))


class DataPipelineTaskExecution(TaskResource):
    """Running a task."""

    @docs.doc("data_pipeline_execute_task", description="Run all steps, or one, in the background.")
    @docs.expect(documented(docs, schemas.ExecutionRequest), validate=False)
    @docs.response(202, "It waits for a worker; body code 200", answer)
    @docs.response(400, "A parameter is missing or wrong", failure)
    @docs.response(403, "Only administrators may train or empty the vector tables, and the caller is none", failure)
    @docs.response(404, "There is no such task", failure)
    @docs.response(409, "It runs, or waits to run", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, AWAY, failure)
    def post(self, task_id: str) -> Response:
        body = optional_json_object(request.get_data(cache=False), request.content_type)
        wanted = schemas.parse_execution(body)
        if wanted.truncate_vector_tables:
            self._service.require_admin(request)
        return _accepted_response(self.tasks.execute(TENANT, task_id, wanted, self._standing), ACCEPTED)


class DataPipelineTaskRetry(TaskResource):
    """Going on with a run that failed."""

    @docs.doc("data_pipeline_retry_task", description="Go on with the last run at the step where it ended.")
    @docs.response(202, "It waits for a worker; body code 200", answer)
    @docs.response(403, "Only administrators may train, and the caller is none", failure)
    @docs.response(404, "There is no such task", failure)
    @docs.response(409, "It runs, or its last run did not fail", failure)
    @docs.response(503, AWAY, failure)
    def post(self, task_id: str) -> Response:
        return _accepted_response(self.tasks.retry(TENANT, task_id, self._standing), ACCEPTED)


class DataPipelineTaskCancellation(TaskResource):
    """Stopping a run."""

    @docs.doc("data_pipeline_cancel_task", description="Stop the run between two tables; what is finished stays.")
    @docs.response(200, "It is stopped, or will be in a moment", answer)
    @docs.response(404, "There is no such task", failure)
    @docs.response(409, "It does not run", failure)
    @docs.response(503, AWAY, failure)
    def post(self, task_id: str) -> Response:
        return envelope_response(self.tasks.cancel(TENANT, task_id))


class DataPipelineTaskEvents(TaskResource):
    """What happens in a task's run."""

    @docs.doc("data_pipeline_watch_task", description="Server-sent events: steps, tables, and one last event.")
    @docs.produces(["text/event-stream", "application/json"])
    @docs.param("Last-Event-ID", "Go on after this event", _in="header")
    @docs.param("last_event_id", "The same, for clients that cannot set headers")
    @docs.response(200, "The events")
    @docs.response(400, "Last-Event-ID is no number", failure)
    @docs.response(404, "There is no such task", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def get(self, task_id: str) -> Response:
        frames = self._service.events.stream(TENANT, task_id, last_event_id(request), caller_left(request))
        return event_stream(frames)


def _accepted_response(envelope: Envelope, status: int) -> Response:
    """A success leaves with `status`, though its `code` is 200 (docs/contract/pipeline.md); a failure with its own."""
    return envelope_response(envelope, status if envelope["success"] else None)


ROUTES = (
    Route(
        "/api/v0/data_pipeline/tasks",
        docs,
        DataPipelineTasks,
        Access.PUBLIC,
        writes=("POST", "DELETE"),
        work=Work.UPLOAD,
    ),
    Route("/api/v0/data_pipeline/tasks/query", docs, DataPipelineTaskQuery, Access.PUBLIC),
    Route("/api/v0/data_pipeline/tasks/<task_id>", docs, DataPipelineTask, Access.PUBLIC),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/execute",
        docs,
        DataPipelineTaskExecution,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/retry",
        docs,
        DataPipelineTaskRetry,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route("/api/v0/data_pipeline/tasks/<task_id>/cancel", docs, DataPipelineTaskCancellation, Access.PUBLIC),
    Route("/api/v0/data_pipeline/tasks/<task_id>/events", docs, DataPipelineTaskEvents, Access.PUBLIC),
)
