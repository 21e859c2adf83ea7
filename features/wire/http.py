"""What every `routes.py` needs to speak HTTP: the row of the route table, request bodies, envelope responses.

Used by the routes of every feature and by `web.app`; nothing below a route may import it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from flask import Request, Response
from flask_restx import Namespace, Resource
from pydantic import BaseModel

from core.disconnect import CLIENT_DISCONNECTED_KEY, DisconnectSignal
from features.wire import bodies, sse
from features.wire.access import Access as Access
from features.wire.access import Work as Work

Service = TypeVar("Service")


@dataclass(frozen=True)
class Route:
    """One row of `web/route_table.py`: a path, its documentation, the resource that answers it, and who may call it.

    Attributes:
        writes: the methods that change something; read-only mode refuses them.
        is_starting: a GET starts work that costs model calls, so web pages of others may not send it.
        work: what a request that changes or starts something costs; None is not limited.
        is_json_only: a body has to declare that it is JSON; for routes that no older client sends anything else to.
    """

    path: str
    namespace: Namespace
    resource: type[Resource]
    access: Access
    writes: tuple[str, ...] = ()
    is_starting: bool = False
    is_json_only: bool = False
    work: Work | None = None


class ServiceResource(Resource, Generic[Service]):
    """A resource that calls one service of the container, whose name the class gives.

    `class Usage(ServiceResource[UsageService], service="usage")`; an architecture test compares name and type with the
    container's.
    """

    service_name: ClassVar[str]

    def __init_subclass__(cls, *, service: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        if service is not None:
            cls.service_name = service

    def __init__(self, api: Any = None, *, services: Any) -> None:
        super().__init__(api)
        self._services = services

    @property
    def _service(self) -> Service:
        service: Service = getattr(self._services, self.service_name)
        return service


def envelope_response(envelope: Mapping[str, Any], status: int | None = None) -> Response:
    """The envelope as a JSON response; the HTTP status is the envelope's `code` unless given."""
    return json_response(envelope, int(envelope["code"]) if status is None else status)


def json_response(body: Mapping[str, Any], status: int = 200) -> Response:
    """Any JSON object in UTF-8, members in the order given."""
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Response(text, status=status, content_type="application/json")


def json_object(request: Request) -> dict[str, Any]:
    """The request's body as a JSON object, whatever its Content-Type says.

    Raises:
        BadRequestError: the body is not JSON or not an object.
    """
    return bodies.json_object(request.get_data(cache=False))


def last_event_id(request: Request) -> str | None:
    """The id of the last event a watcher saw, unread: from the header, else from the query of clients without one."""
    return request.headers.get("Last-Event-ID") or request.args.get("last_event_id")


def caller_left(request: Request) -> DisconnectSignal | None:
    """The signal that is set when the caller goes away; None under a server that cannot tell."""
    signal: DisconnectSignal | None = request.environ.get(CLIENT_DISCONNECTED_KEY)
    return signal


def event_stream(frames: Iterable[str]) -> Response:
    """The frames as server-sent events."""
    return Response(frames, content_type=sse.CONTENT_TYPE, headers=dict(sse.HEADERS))


def documented(namespace: Namespace, model: type[BaseModel]) -> Any:
    """Register a pydantic model with a flask-restx namespace and return it for `expect` and `response`."""
    schema = model.model_json_schema(ref_template="#/definitions/{model}", mode="serialization")
    for name, definition in schema.pop("$defs", {}).items():
        namespace.schema_model(name, _swagger2(definition))
    return namespace.schema_model(model.__name__, _swagger2(schema))


def _swagger2(schema: Any) -> Any:
    """JSON Schema as Swagger 2.0 can say it: `anyOf [X, null]` becomes X with `x-nullable`."""
    if isinstance(schema, list):
        return [_swagger2(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    options = [option for option in schema.get("anyOf", ()) if option != {"type": "null"}]
    if len(options) == 1:
        rest = {key: value for key, value in schema.items() if key not in ("anyOf", "default")}
        return {**_swagger2(options[0]), **_swagger2(rest), "x-nullable": True}
    if options:
        rest = {key: value for key, value in schema.items() if key != "anyOf"}
        return {**_swagger2(rest), "x-any-of": _swagger2(options)}
    return {key: _swagger2(value) for key, value in schema.items()}
