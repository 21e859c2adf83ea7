"""Who may call which route of the old entry, and which of them change something; installed by the legacy port.

The old entry's own text is frozen, so what operators may decide anew (an admin token, read-only mode, recording, log
lines) is decided here. Endpoints without a row are public and change nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from flask import Flask

from bootstrap.container import Container
from features.wire.access import Access, Work
from web.body_limits import limit_bodies
from web.exchange_recorder import record_exchanges
from web.origin_rules import EndpointRules, install_web_rules
from web.request_hooks import log_requests
from web.request_metrics import monitor_requests
from web.write_guard import guard_writes

ADMINISTRATORS: Final = frozenset(
    {
        "conversation_cleanup",
        "embedding_cache_cleanup",
        "qa_cache_cleanup",
        "cache_cleanup",
        "qa_feedback_delete",
        "training_data_delete",
        "pipeline_tasks_delete",
    }
)
"""Endpoints, named after the entry's functions, that only administrators may call."""

WRITES: Final[Mapping[str, tuple[str, ...]]] = {
    "conversation_cleanup": ("POST",),
    "embedding_cache_cleanup": ("POST",),
    "qa_cache_cleanup": ("POST",),
    "cache_cleanup": ("POST",),
    "qa_feedback_add": ("POST",),
    "qa_feedback_update": ("PUT",),
    "qa_feedback_delete": ("DELETE",),
    "qa_feedback_add_to_training": ("POST",),
    "training_data_create": ("POST",),
    "training_data_delete": ("POST",),
    "citu_train_question_sql": ("POST",),
    "training_error_question_sql": ("POST",),
    "pipeline_task_create": ("POST",),
    "pipeline_task_execute": ("POST",),
    "pipeline_tasks_delete": ("DELETE",),
    "pipeline_task_upload": ("POST",),
    "pipeline_table_list_upload": ("POST",),
    "pipeline_table_list": ("POST",),
}
"""Methods of endpoints that change something; read-only mode refuses them."""

JSON_ONLY: Final = frozenset({"training_error_question_sql"})
"""Endpoints whose body has to declare that it is JSON, as the historical service demanded."""

WORK: Final[Mapping[str, Work]] = {
    "ask_agent": Work.QUESTION,
    "ask": Work.QUESTION,
    "ask_cached": Work.QUESTION,
    "citu_run_sql": Work.SQL,
    "database_tables": Work.SQL,
    "database_table_ddl": Work.SQL,
    "qa_feedback_add": Work.TRAINING,
    "qa_feedback_update": Work.TRAINING,
    "qa_feedback_add_to_training": Work.TRAINING,
    "training_data_create": Work.TRAINING,
    "citu_train_question_sql": Work.TRAINING,
    "training_error_question_sql": Work.TRAINING,
    "pipeline_task_create": Work.UPLOAD,
    "pipeline_task_execute": Work.UPLOAD,
    "pipeline_task_upload": Work.UPLOAD,
    "pipeline_table_list_upload": Work.UPLOAD,
    "pipeline_table_list": Work.UPLOAD,
}
"""What a request of an endpoint costs; those of a kind are limited for each caller."""


def guard_requests(app: Flask, container: Container, *, name: str) -> None:
    """Put the rules, the log lines and the recorder around every request of `app`, which renders what they raise."""
    settings = container.settings
    limit_bodies(app, settings)
    install_web_rules(app, container, EndpointRules(access=_access, json_only=JSON_ONLY, work=WORK))
    guard_writes(app, lambda: container.read_only_mode, WRITES)
    log_requests(app)
    monitor_requests(app, container.collector)
    record_exchanges(app, settings, name=name)


def _access(endpoint: str) -> Access:
    return Access.ADMIN if endpoint in ADMINISTRATORS else Access.PUBLIC
