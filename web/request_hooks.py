"""What every entry does around a request: an id that the caller may choose and gets back, its caller, one log line."""

from __future__ import annotations

import re
import time
import uuid

from flask import Flask, Response, g, request

from common.caller import Caller, set_caller
from common.tenant import DEFAULT_TENANT_NAME
from core.logging import clear_log_context, get_app_logger, set_log_context

access_log = get_app_logger("access")
REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")


def log_requests(app: Flask) -> None:
    """One line a request, with an id that the caller may choose and always gets back."""

    def begin() -> None:
        given = request.headers.get("X-Request-ID", "")
        g.request_id = given if REQUEST_ID.match(given) else uuid.uuid4().hex
        g.started = time.perf_counter()
        clear_log_context()
        set_log_context(request_id=g.request_id)
        set_caller(Caller(tenant=DEFAULT_TENANT_NAME, address=request.remote_addr or "unknown"))

    def end(response: Response) -> Response:
        if "request_id" in g:
            response.headers["X-Request-ID"] = g.request_id
            milliseconds = (time.perf_counter() - g.started) * 1000
            access_log.info("%s %s %s %.1fms", request.method, request.path, response.status_code, milliseconds)
        return response

    app.before_request_funcs.setdefault(None, []).insert(0, begin)
    app.after_request(end)
    app.teardown_request(lambda _error: clear_log_context())
