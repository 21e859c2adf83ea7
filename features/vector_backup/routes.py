"""`/api/v0/data_pipeline/vector/*`: parses requests, lets the service decide, renders envelopes."""

from __future__ import annotations

from typing import Any

from flask import Response, request
from flask_restx import Namespace

from features.vector_backup import schemas
from features.vector_backup.service import VectorBackupService
from features.wire.bodies import optional_json_object
from features.wire.envelopes import ErrorEnvelope
from features.wire.http import Access, Route, ServiceResource, Work, documented, envelope_response

docs = Namespace("vector_backup", description="Backups of the training vectors")
failure = documented(docs, ErrorEnvelope)


class VectorBackupResource(ServiceResource[VectorBackupService], service="vector_backup"):
    """What the resources here share."""


@docs.response(400, "A parameter is wrong", failure)
@docs.response(403, "A database that requests may not name", failure)
@docs.response(404, "No such task", failure)
@docs.response(409, "Another backup or restore runs", failure)
@docs.response(413, "The body is too large", failure)
@docs.response(500, "Nothing could be backed up; `errors` and `tables_backed_up` say why", failure)
class VectorBackup(VectorBackupResource):
    """A new backup."""

    @docs.doc("vector_backup", description="Write the vector tables into files, as they are at one moment.")
    @docs.expect(documented(docs, schemas.BackupRequest), validate=False)
    @docs.response(200, "What was written", documented(docs, schemas.BackupEnvelope))
    def post(self) -> Response:
        return envelope_response(self._service.back_up(_body()))


@docs.response(400, "No task can have that id", failure)
@docs.response(500, "The folders cannot be read", failure)
class VectorRestoreList(VectorBackupResource):
    """The backups there are."""

    @docs.doc("vector_restore_list", description="The complete backups, by folder, newest first.")
    @docs.param("task_id", "Only of this task")
    @docs.param("global_only", "`true`: only those of no task")
    @docs.response(200, "The backups", documented(docs, schemas.BackupListEnvelope))
    def get(self) -> Response:
        query = request.args
        return envelope_response(self._service.backups(query.get("task_id"), query.get("global_only")))


@docs.response(400, "A parameter is missing or wrong", failure)
@docs.response(403, "Not an administrator, or a database that requests may not name", failure)
@docs.response(404, "No such folder or files", failure)
@docs.response(409, "Vectors of another model, or another backup or restore runs", failure)
@docs.response(413, "The body is too large", failure)
@docs.response(500, "It failed and nothing was changed; `errors` and `restore_results` say why", failure)
@docs.response(503, "Read-only mode", failure)
class VectorRestore(VectorBackupResource):
    """A backup put back."""

    @docs.doc("vector_restore", description="Put a backup back in one transaction, or rehearse that.")
    @docs.expect(documented(docs, schemas.RestoreRequest), validate=False)
    @docs.response(200, "What was put back", documented(docs, schemas.RestoreEnvelope))
    def post(self) -> Response:
        return envelope_response(self._service.restore(_body()))


def _body() -> dict[str, Any]:
    return optional_json_object(request.get_data(cache=False), request.content_type)


ROUTES = (
    Route("/api/v0/data_pipeline/vector/backup", docs, VectorBackup, Access.PUBLIC, work=Work.UPLOAD),
    Route("/api/v0/data_pipeline/vector/restore/list", docs, VectorRestoreList, Access.PUBLIC),
    Route("/api/v0/data_pipeline/vector/restore", docs, VectorRestore, Access.ADMIN, writes=("POST",)),
)
