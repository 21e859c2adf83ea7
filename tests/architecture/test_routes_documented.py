"""Every route has documentation, an access rule and its place in docs/routes.md; what is public is a decision."""

import gc
from pathlib import Path

from scripts.generate_docs import outdated, routes_documents
from unified_api import app
from web.route_table import ROUTES

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = {
    "/",
    "/api/v0/agent_health",
    "/api/v0/ask",
    "/api/v0/ask_agent",
    "/api/v0/ask_agent_stream",
    "/api/v0/ask_cached",
    "/api/v0/ask_react_agent",
    "/api/v0/ask_react_agent_stream",
    "/api/v0/cache_export",
    "/api/v0/cache_overview",
    "/api/v0/cache_overview_full",
    "/api/v0/cache_preview_cleanup",
    "/api/v0/cache_stats",
    "/api/v0/citu_run_sql",
    "/api/v0/citu_train_question_sql",
    "/api/v0/compatibility",
    "/api/v0/conversation/<conversation_id>/context",
    "/api/v0/conversation/<conversation_id>/messages",
    "/api/v0/conversation_stats",
    "/api/v0/data_pipeline/tasks",
    "/api/v0/data_pipeline/tasks/<task_id>",
    "/api/v0/data_pipeline/tasks/<task_id>/cancel",
    "/api/v0/data_pipeline/tasks/<task_id>/events",
    "/api/v0/data_pipeline/tasks/<task_id>/execute",
    "/api/v0/data_pipeline/tasks/<task_id>/files",
    "/api/v0/data_pipeline/tasks/<task_id>/files/<file_name>",
    "/api/v0/data_pipeline/tasks/<task_id>/logs",
    "/api/v0/data_pipeline/tasks/<task_id>/logs/query",
    "/api/v0/data_pipeline/tasks/<task_id>/retry",
    "/api/v0/data_pipeline/tasks/<task_id>/table-list",
    "/api/v0/data_pipeline/tasks/<task_id>/table-list-info",
    "/api/v0/data_pipeline/tasks/<task_id>/upload-table-list",
    "/api/v0/data_pipeline/tasks/query",
    "/api/v0/data_pipeline/vector/backup",
    "/api/v0/data_pipeline/vector/restore/list",
    "/api/v0/database/table/ddl",
    "/api/v0/database/tables",
    "/api/v0/embedding_cache_stats",
    "/api/v0/qa_cache_list",
    "/api/v0/qa_cache_stats",
    "/api/v0/qa_feedback/add",
    "/api/v0/qa_feedback/add_to_training",
    "/api/v0/qa_feedback/query",
    "/api/v0/qa_feedback/stats",
    "/api/v0/qa_feedback/update/<int:feedback_id>",
    "/api/v0/react/conversations/<thread_id>",
    "/api/v0/react/direct/conversations/<thread_id>",
    "/api/v0/react/direct/conversations/<thread_id>/compare",
    "/api/v0/react/direct/conversations/<thread_id>/summary",
    "/api/v0/react/direct/status/<thread_id>",
    "/api/v0/react/direct/users/<user_id>/conversations",
    "/api/v0/react/status/<thread_id>",
    "/api/v0/react/users/<user_id>/conversations",
    "/api/v0/runs",
    "/api/v0/runs/<run_id>",
    "/api/v0/runs/<run_id>/events",
    "/api/v0/runs/<run_id>/stop",
    "/api/v0/training_data/combine",
    "/api/v0/training_data/create",
    "/api/v0/training_data/query",
    "/api/v0/training_data/stats",
    "/api/v0/training_data/upload",
    "/api/v0/training_error_question_sql",
    "/api/v0/user/<user_id>/conversations",
    "/api/v0/user/<user_id>/conversations/full",
    "/chat",
    "/health",
}
OF_THE_DOCUMENTATION = {"/swagger.json", "/api/docs", "/swaggerui/<path:filename>"}


def test_route_page_is_up_to_date() -> None:
    assert not outdated(routes_documents(), ROOT), "run: make docs"


def test_everything_served_stands_in_the_table() -> None:
    served = {rule.rule for rule in app.url_map.iter_rules()}
    assert served == {route.path for route in ROUTES} | OF_THE_DOCUMENTATION


def test_public_routes_are_the_ones_decided_on() -> None:
    assert {route.path for route in ROUTES if route.access.value == "public"} == PUBLIC


def test_every_endpoint_has_an_access_rule() -> None:
    rules = app.extensions["citu_access"]
    assert {route.resource.__name__ for route in ROUTES} == set(rules)


def test_the_entry_looks_for_garbage_less_often() -> None:
    assert app
    assert gc.get_threshold()[0] == 10_000
