"""Every error that can reach a caller, each with its HTTP status and its stable `error_type`.

    CituError                     500  request_processing_failed
    ├── BadRequestError           400  missing_required_params | invalid_params
    ├── ForbiddenError            403  forbidden
    │   ├── ForeignOriginError    403  foreign_origin            (a web page of another origin sent it)
    │   └── AdminTokenError       403  admin_token_wrong         (a token was sent and is not the administrator's)
    ├── NotFoundError             404  resource_not_found
    ├── MethodNotAllowedError     405  method_not_allowed
    ├── ConflictError             409  conflict                  (something else is in the way)
    ├── PayloadTooLargeError      413  payload_too_large
    ├── ForeignHostError          421  foreign_host              (the service is not reached under this name)
    ├── ValidationFailedError     422  invalid_params
    ├── AnswerFailedError         422  agent_processing_failed   (no valid SQL could be produced)
    ├── SqlRefusedError           422  sql_refused               (the guard said no)
    ├── SqlExecutionError         500  sql_execution_failed      (the business database said no)
    │   └── SqlMemoryLimitError   500  sql_memory_limit          (the statement needed more memory than one may)
    ├── ServiceUnavailableError   503  service_unavailable       (may be tried again)
    │   ├── ModelUnavailableError 503  model_unavailable
    │   │   └── BudgetExceededError 429 budget_exceeded          (the day's tokens are used up)
    │   ├── StoreUnavailableError 503  store_unavailable
    │   ├── ReadOnlyError         503  read_only                 (nothing is written for a while)
    │   ├── OverloadedError       503  overloaded
    │   │   ├── RateLimitedError  429  rate_limited              (the caller sends more than a caller may)
    │   │   ├── QuotaExceededError 429 quota_exceeded            (the caller has stored more than a caller may a day)
    │   │   ├── TooManyRunsError  429  too_many_runs             (the user has as many unfinished runs as he may)
    │   │   └── TooManyQueriesError 429 too_many_queries         (the caller uses its share of the business database)
    │   ├── AnswerTimedOutError   503  service_unavailable       (the answer took too long)
    │   └── AnswerStoppedError    503  service_unavailable       (it was stopped, or its caller left)
    ├── StorageFullError          507  storage_full              (as much is stored as may be; nothing was written)
    ├── StatementFailedError      500  database_error            (a database refused a statement)
    └── ConfigurationError         -   raised at start, never answered

The `message` of an error is user-facing text from `common.messages`; details for operators go to the log, not into it.
`web/error_envelopes.py` turns each of these into the envelope of the wire, for both entries and for runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class CituError(Exception):
    """An error with a place on the wire.

    Args:
        message: what the caller reads in `data.response`, without secrets, without internals.
        data: extra members of the envelope's `data`.
    """

    status: int = 500
    error_type: str = "request_processing_failed"
    can_retry: bool | None = None

    def __init__(self, message: str, *, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.data: dict[str, Any] = dict(data or {})


class BadRequestError(CituError):
    """The request lacks a parameter or carries a wrong one (400)."""

    status = 400
    error_type = "missing_required_params"

    def __init__(
        self,
        message: str,
        *,
        missing_params: list[str] | None = None,
        invalid_params: list[str] | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message, data=data)
        self.missing_params = list(missing_params or [])
        self.invalid_params = list(invalid_params or [])
        if self.invalid_params:
            self.error_type = "invalid_params"


class ForbiddenError(CituError):
    """The caller may not use this (403)."""

    status = 403
    error_type = "forbidden"


class ForeignOriginError(ForbiddenError):
    """A web page of another origin may not do this (403)."""

    error_type = "foreign_origin"


class AdminTokenError(ForbiddenError):
    """The request bears a token that is not the administrator's; without any it might have been served (403)."""

    error_type = "admin_token_wrong"


class ForeignHostError(CituError):
    """The request names a host that is not this service (421)."""

    status = 421
    error_type = "foreign_host"


class NotFoundError(CituError):
    """No such path or record, or one of another tenant (404)."""

    status = 404
    error_type = "resource_not_found"


class MethodNotAllowedError(CituError):
    """The path exists, the method does not (405)."""

    status = 405
    error_type = "method_not_allowed"


class ConflictError(CituError):
    """What is asked for is in conflict with something that exists or happens now (409)."""

    status = 409
    error_type = "conflict"


class PayloadTooLargeError(CituError):
    """The request body is above the configured limit (413)."""

    status = 413
    error_type = "payload_too_large"


class ValidationFailedError(CituError):
    """The parameters are well-formed but make no sense together (422)."""

    status = 422
    error_type = "invalid_params"


class AnswerFailedError(CituError):
    """No valid SQL could be produced for the question (422), or running it failed (500).

    `data` carries what the agent knows: `execution_path`, `classification_info`, `sql`, `validation_error_type`.
    """

    error_type = "agent_processing_failed"

    def __init__(self, message: str, *, data: Mapping[str, Any] | None = None, status: int = 422) -> None:
        super().__init__(message, data=data)
        self.status = status


class SqlRefusedError(CituError):
    """The SQL guard refused a statement (422).

    Attributes:
        rule: stable id of the rule that refused, for example `node.insert`.
        position: 1-based character offset in the statement, None when unknown.
    """

    status = 422
    error_type = "sql_refused"

    def __init__(self, message: str, *, rule: str, position: int | None = None) -> None:
        super().__init__(message, data={"rule": rule, "position": position})
        self.rule = rule
        self.position = position


class SqlExecutionError(CituError):
    """The business database refused or broke off an admitted statement (500).

    Attributes:
        sqlstate: the five-character PostgreSQL code, None when the connection itself failed.
        detail: the database's own sentence, for repair prompts and logs.
        is_transient: the same statement may succeed when tried again.
    """

    status = 500
    error_type = "sql_execution_failed"

    def __init__(
        self, message: str, *, detail: str = "", sqlstate: str | None = None, is_transient: bool = False
    ) -> None:
        super().__init__(message)
        self.detail = detail
        self.sqlstate = sqlstate
        self.is_transient = is_transient
        self.can_retry = is_transient or None


class SqlMemoryLimitError(SqlExecutionError):
    """A statement was stopped because its server process reached the memory it may have (500); sqlstate 53200."""

    error_type = "sql_memory_limit"


class StatementFailedError(CituError):
    """A database refused or broke off a statement (500); its transaction has been rolled back."""

    error_type = "database_error"
    can_retry = True


class ServiceUnavailableError(CituError):
    """Something needed for the answer cannot be reached now (503)."""

    status = 503
    error_type = "service_unavailable"
    can_retry = True

    def __init__(
        self, message: str, *, data: Mapping[str, Any] | None = None, retry_after_seconds: int | None = None
    ) -> None:
        super().__init__(message, data=data)
        self.retry_after_seconds = retry_after_seconds


class ModelUnavailableError(ServiceUnavailableError):
    """The language model did not answer (503)."""

    error_type = "model_unavailable"


class BudgetExceededError(ModelUnavailableError):
    """The tenant, or the user, has used the day's tokens (429); `retry_after_seconds` reaches to the next day."""

    status = 429
    error_type = "budget_exceeded"
    can_retry = False


class StoreUnavailableError(ServiceUnavailableError):
    """A database of ours or Redis did not answer where the answer depends on it (503)."""

    error_type = "store_unavailable"


class ReadOnlyError(ServiceUnavailableError):
    """The service is in read-only mode and this would write (503 with Retry-After)."""

    error_type = "read_only"


class OverloadedError(ServiceUnavailableError):
    """Pool and queue are full (503 with Retry-After)."""

    error_type = "overloaded"


class RateLimitedError(OverloadedError):
    """The caller sends more requests than one may (429 with Retry-After)."""

    status = 429
    error_type = "rate_limited"


class QuotaExceededError(OverloadedError):
    """The caller has had more stored in a day than a caller may (429 with Retry-After)."""

    status = 429
    error_type = "quota_exceeded"
    can_retry = False


class TooManyRunsError(OverloadedError):
    """The user has as many unfinished runs as one may have (429 with Retry-After)."""

    status = 429
    error_type = "too_many_runs"


class TooManyQueriesError(OverloadedError):
    """The caller, or its address, has its share of the business database in use (429 with Retry-After)."""

    status = 429
    error_type = "too_many_queries"


class AnswerTimedOutError(ServiceUnavailableError):
    """The answer took longer than an answer may take (503)."""


class AnswerStoppedError(ServiceUnavailableError):
    """The answer was given up because it was stopped or its caller left (503)."""


class StorageFullError(CituError):
    """As much is stored as may be (507): something has to be removed first; nothing was written."""

    status = 507
    error_type = "storage_full"
    can_retry = False


class ConfigurationError(CituError):
    """A setting has a value the service cannot start with; the message names it and what it should be."""

    error_type = "configuration_error"
