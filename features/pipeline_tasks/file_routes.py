"""Files, logs and table lists of a task: parses requests, lets the services decide, renders envelopes and files."""

from __future__ import annotations

from typing import IO, Protocol

from flask import Response, request, send_file

from common.tenant import DEFAULT_TENANT_NAME as TENANT
from features.pipeline_tasks import bodies
from features.pipeline_tasks.files import TaskFiles
from features.pipeline_tasks.logs import TaskLogs
from features.pipeline_tasks.routes import AWAY, answer, docs, failure
from features.pipeline_tasks.table_lists import TableLists
from features.wire.http import Access, Route, ServiceResource, Work, envelope_response, json_object

UPLOAD = {"file": {"in": "formData", "type": "file", "description": ".ddl .md .txt .json .sql .csv, at most 10 MB"},
          "overwrite_mode": {"in": "formData", "type": "string", "description": "backup, replace or skip"}}  # fmt: skip
LIST_UPLOAD = {"file": {"in": "formData", "type": "file", "description": ".txt in UTF-8 or GBK, at most 2 MB"}}


class PipelineFiles(Protocol):
    """What these routes use of the pipeline tasks."""

    @property
    def files(self) -> TaskFiles: ...

    @property
    def lists(self) -> TableLists: ...

    @property
    def logs(self) -> TaskLogs: ...


class FileResource(ServiceResource[PipelineFiles], service="pipeline_tasks"):
    """A route on a task's folder."""


class DataPipelineTaskLogs(FileResource):
    """The end of a task's log."""

    @docs.doc("data_pipeline_task_logs", description="The entries of the log's last lines, oldest first.")
    @docs.param("limit", "Lines to read, 1 to 1000, by default 100")
    @docs.param("level", "Only this level")
    @docs.response(200, "The entries", answer)
    @docs.response(404, "There is no such task", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def get(self, task_id: str) -> Response:
        return envelope_response(self._service.logs.tail(TENANT, task_id, request.args))


class DataPipelineTaskLogQuery(FileResource):
    """A task's log, searched."""

    @docs.doc("data_pipeline_query_task_logs", description="Entries, filtered, sorted and in pages.")
    @docs.response(200, "A page of entries", answer)
    @docs.response(400, "A parameter is wrong", failure)
    @docs.response(404, "There is no such task", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, "The platform database cannot be reached", failure)
    def post(self, task_id: str) -> Response:
        body = bodies.log_query(request.get_data(cache=False), request.content_type)
        return envelope_response(self._service.logs.query(TENANT, task_id, body))


class DataPipelineTaskFiles(FileResource):
    """The files of a task."""

    @docs.doc("data_pipeline_task_files", description="The files, newest first; none for a task without a folder.")
    @docs.response(200, "The files", answer)
    @docs.response(404, "The id cannot be a task's", failure)
    def get(self, task_id: str) -> Response:
        return envelope_response(self._service.files.listed(TENANT, task_id))

    @docs.doc("data_pipeline_upload_task_file", description="Put a file into the task's folder.", params=UPLOAD)
    @docs.response(200, "It was kept, or skipped", answer)
    @docs.response(400, "It was refused; nothing was changed", failure)
    @docs.response(404, "There is no such task", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, AWAY, failure)
    def post(self, task_id: str) -> Response:
        stream, name = sent_file()
        mode = request.form.get("overwrite_mode")
        return envelope_response(self._service.files.upload(TENANT, task_id, stream, name, mode))


class DataPipelineTaskFile(FileResource):
    """One file."""

    @docs.doc("data_pipeline_download_task_file", description="The file as an attachment, in ranges when asked to.")
    @docs.produces(["application/octet-stream", "application/json"])
    @docs.response(200, "The file")
    @docs.response(206, "A part of the file")
    @docs.response(304, "It has not changed")
    @docs.response(400, "The name is no file's", failure)
    @docs.response(404, "There is no such file", failure)
    @docs.response(416, "There is no such part", failure)
    def get(self, task_id: str, file_name: str) -> Response:
        sent = self._service.files.sent(TENANT, task_id, file_name)
        response = send_file(
            sent.stream,
            mimetype=sent.content_type,
            as_attachment=True,
            download_name=sent.name,
            etag=sent.etag,
            last_modified=sent.modified_at,
            conditional=False,
        )
        response.content_length = sent.size
        response.make_conditional(request.environ, accept_ranges=True, complete_length=sent.size)
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response


class DataPipelineTableListUpload(FileResource):
    """A list of tables as a file."""

    @docs.doc("data_pipeline_upload_table_list", description="Keep the list of a task's tables.", params=LIST_UPLOAD)
    @docs.response(200, "It was kept", answer)
    @docs.response(400, "It was refused; the old list stays", failure)
    @docs.response(404, "There is no such task", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, AWAY, failure)
    def post(self, task_id: str) -> Response:
        stream, name = sent_file()
        return envelope_response(self._service.lists.upload(TENANT, task_id, stream, name))


class DataPipelineTableList(FileResource):
    """A list of tables as names."""

    @docs.doc("data_pipeline_write_table_list", description="Write the list; `tables` is an array or a text.")
    @docs.response(200, "It was written", answer)
    @docs.response(400, "A name is wrong; the old list stays", failure)
    @docs.response(404, "There is no such task", failure)
    @docs.response(413, "The body is too large", failure)
    @docs.response(503, AWAY, failure)
    def post(self, task_id: str) -> Response:
        body = json_object(request)
        return envelope_response(self._service.lists.write(TENANT, task_id, body))


class DataPipelineTableListInfo(FileResource):
    """What the list is."""

    @docs.doc("data_pipeline_table_list_info", description="The list of a task's tables, if there is one.")
    @docs.response(200, "The list, or that there is none", answer)
    @docs.response(404, "The id cannot be a task's", failure)
    def get(self, task_id: str) -> Response:
        return envelope_response(self._service.lists.info(TENANT, task_id))


def sent_file() -> tuple[IO[bytes] | None, str | None]:
    """The stream and the name of the form's file; no stream when none was sent."""
    file = request.files.get("file")
    return (None, None) if file is None else (file.stream, file.filename)


ROUTES = (
    Route("/api/v0/data_pipeline/tasks/<task_id>/logs", docs, DataPipelineTaskLogs, Access.PUBLIC),
    Route("/api/v0/data_pipeline/tasks/<task_id>/logs/query", docs, DataPipelineTaskLogQuery, Access.PUBLIC),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/files",
        docs,
        DataPipelineTaskFiles,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route("/api/v0/data_pipeline/tasks/<task_id>/files/<file_name>", docs, DataPipelineTaskFile, Access.PUBLIC),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/upload-table-list",
        docs,
        DataPipelineTableListUpload,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/table-list",
        docs,
        DataPipelineTableList,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route("/api/v0/data_pipeline/tasks/<task_id>/table-list-info", docs, DataPipelineTableListInfo, Access.PUBLIC),
)
