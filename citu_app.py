"""The original entry: plain Flask, started with `python citu_app.py`, to go back to at any moment.

FROZEN: this text is never changed again, neither by a formatter; CONTRIBUTING.md says why and where its hash stands.
It imports flask and bootstrap.legacy_port and nothing else of this project.
"""

import asyncio
import io
import json
from datetime import datetime

from flask import Flask, Response, request, send_file
from werkzeug.exceptions import HTTPException

from bootstrap.legacy_port import open_port

NAME = "citu_app"
VERSION = "1.0.0"
CATEGORIES = {400: "请求参数错误", 404: "资源未找到", 405: "请求方法不支持", 413: "请求内容过大"}

port = open_port(name=NAME, version=VERSION)
app = Flask(NAME, static_folder=None)
port.configure(app=app)


def envelope(status, text, error_type):
    """The error envelope of what never reaches the port."""
    data = {"response": text, "error_type": error_type, "timestamp": datetime.now().isoformat()}
    body = {"code": status, "success": False, "message": CATEGORIES.get(status, "系统内部错误"), "data": data}
    return {"status": status, "headers": {}, "body": body}


def reply(answer):
    """An answer of the port as a response: JSON, or a file to keep."""
    file = answer.get("file")
    if file:
        response = send_file(
            io.BytesIO(file["content"]),
            mimetype=file["content_type"],
            as_attachment=True,
            download_name=file["name"],
            etag=file["etag"],
            last_modified=file["modified_at"],
        )
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
    text = json.dumps(answer["body"], ensure_ascii=False, allow_nan=False)
    return Response(text, answer["status"], answer["headers"], content_type="application/json")


class NoJsonObject(Exception):
    """The request's body is not a JSON object; the message says what is wrong."""


def body():
    """The request's JSON object, whatever its Content-Type says."""
    try:
        value = json.loads(request.get_data(cache=False))
    except (ValueError, RecursionError):
        raise NoJsonObject("请求格式错误：需要JSON格式的数据") from None
    if not isinstance(value, dict):
        raise NoJsonObject("请求格式错误：请求体必须是JSON对象")
    return value


def sent_file():
    """Stream and name of the form's file; no stream when none was sent."""
    file = request.files.get("file")
    return (None, None) if file is None else (file.stream, file.filename)


@app.errorhandler(NoJsonObject)
def no_json_object(error):
    return reply(envelope(400, str(error), "missing_required_params"))


@app.errorhandler(Exception)
def failed(error):
    if not isinstance(error, HTTPException):
        return reply(port.failed(error=error))
    if error.code == 405:
        answer = envelope(405, f"路径 {request.path} 不支持 {request.method} 方法", "method_not_allowed")
        answer["headers"]["Allow"] = ", ".join(sorted(error.valid_methods or ()))
        return reply(answer)
    if error.code == 404:
        return reply(envelope(404, f"请求的路径不存在：{request.path}", "resource_not_found"))
    if error.code == 413:
        return reply(envelope(413, "请求内容过大", "payload_too_large"))
    return reply(envelope(400, "请求格式错误", "missing_required_params"))


@app.get("/")
def root():
    return reply(port.root())


@app.get("/health")
def health():
    return reply(port.health(query=request.args))


# Questions


@app.post("/api/v0/ask")
def ask():
    return reply(asyncio.run(port.ask(body=body())))


@app.post("/api/v0/ask_cached")
def ask_cached():
    return reply(asyncio.run(port.ask_cached(body=body())))


@app.post("/api/v0/ask_agent")
def ask_agent():
    return reply(asyncio.run(port.ask_agent(body=body())))


@app.get("/api/v0/agent_health")
def agent_health():
    return reply(asyncio.run(port.agent_health()))


@app.post("/api/v0/citu_run_sql")
def citu_run_sql():
    return reply(port.citu_run_sql(body=body()))


# Conversations


@app.get("/api/v0/user/<user_id>/conversations")
def user_conversations(user_id):
    return reply(port.user_conversations(user_id=user_id, query=request.args))


@app.get("/api/v0/user/<user_id>/conversations/full")
def user_conversations_full(user_id):
    return reply(port.user_conversations_full(user_id=user_id, query=request.args))


@app.get("/api/v0/conversation/<conversation_id>/messages")
def conversation_messages(conversation_id):
    return reply(port.conversation_messages(conversation_id=conversation_id, query=request.args))


@app.get("/api/v0/conversation/<conversation_id>/context")
def conversation_context(conversation_id):
    return reply(port.conversation_context(conversation_id=conversation_id, query=request.args))


@app.get("/api/v0/conversation_stats")
def conversation_stats():
    return reply(port.conversation_stats())


@app.post("/api/v0/conversation_cleanup")
def conversation_cleanup():
    return reply(port.conversation_cleanup())


# Caches


@app.get("/api/v0/embedding_cache_stats")
def embedding_cache_stats():
    return reply(port.embedding_cache_stats())


@app.post("/api/v0/embedding_cache_cleanup")
def embedding_cache_cleanup():
    return reply(port.embedding_cache_cleanup())


@app.get("/api/v0/qa_cache_stats")
def qa_cache_stats():
    return reply(port.qa_cache_stats())


@app.get("/api/v0/qa_cache_list")
def qa_cache_list():
    return reply(port.qa_cache_list(query=request.args))


@app.post("/api/v0/qa_cache_cleanup")
def qa_cache_cleanup():
    return reply(port.qa_cache_cleanup())


@app.get("/api/v0/cache_overview")
def cache_overview():
    return reply(port.cache_overview())


@app.get("/api/v0/cache_overview_full")
def cache_overview_full():
    return reply(port.cache_overview_full())


@app.get("/api/v0/cache_stats")
def cache_stats():
    return reply(port.cache_stats())


@app.get("/api/v0/cache_export")
def cache_export():
    return reply(port.cache_export())


@app.post("/api/v0/cache_preview_cleanup")
def cache_preview_cleanup():
    return reply(port.cache_preview_cleanup(body=body()))


@app.post("/api/v0/cache_cleanup")
def cache_cleanup():
    return reply(port.cache_cleanup(body=body()))


# Feedback


@app.post("/api/v0/qa_feedback/add")
def qa_feedback_add():
    return reply(port.qa_feedback_add(body=body()))


@app.post("/api/v0/qa_feedback/query")
def qa_feedback_query():
    return reply(port.qa_feedback_query(body=body()))


@app.put("/api/v0/qa_feedback/update/<int:feedback_id>")
def qa_feedback_update(feedback_id):
    return reply(port.qa_feedback_update(feedback_id=feedback_id, body=body()))


@app.delete("/api/v0/qa_feedback/delete/<int:feedback_id>")
def qa_feedback_delete(feedback_id):
    return reply(port.qa_feedback_delete(feedback_id=feedback_id))


@app.post("/api/v0/qa_feedback/add_to_training")
def qa_feedback_add_to_training():
    return reply(port.qa_feedback_add_to_training(body=body()))


@app.get("/api/v0/qa_feedback/stats")
def qa_feedback_stats():
    return reply(port.qa_feedback_stats())


# Training data


@app.get("/api/v0/training_data/stats")
def training_data_stats():
    return reply(port.training_data_stats())


@app.post("/api/v0/training_data/query")
def training_data_query():
    return reply(port.training_data_query(body=body()))


@app.post("/api/v0/training_data/create")
def training_data_create():
    return reply(port.training_data_create(body=body()))


@app.post("/api/v0/training_data/delete")
def training_data_delete():
    return reply(port.training_data_delete(body=body()))


@app.post("/api/v0/citu_train_question_sql")
def citu_train_question_sql():
    return reply(port.citu_train_question_sql(body=body()))


@app.post("/api/v0/training_error_question_sql")
def training_error_question_sql():
    return reply(port.training_error_question_sql(body=body()))


# The data pipeline


@app.post("/api/v0/data_pipeline/tasks")
def pipeline_task_create():
    return reply(port.pipeline_task_create(raw=request.get_data()))


@app.get("/api/v0/data_pipeline/tasks")
def pipeline_tasks():
    return reply(port.pipeline_tasks(query=request.args))


@app.delete("/api/v0/data_pipeline/tasks")
def pipeline_tasks_delete():
    query = {name: request.args.getlist(name) for name in request.args}
    return reply(
        port.pipeline_tasks_delete(raw=request.get_data(), content_type=request.content_type, query=query)
    )


@app.post("/api/v0/data_pipeline/tasks/query")
def pipeline_task_query():
    return reply(port.pipeline_task_query(raw=request.get_data(), content_type=request.content_type))


@app.get("/api/v0/data_pipeline/tasks/<task_id>")
def pipeline_task(task_id):
    return reply(port.pipeline_task(task_id=task_id))


@app.post("/api/v0/data_pipeline/tasks/<task_id>/execute")
def pipeline_task_execute(task_id):
    return reply(
        port.pipeline_task_execute(task_id=task_id, raw=request.get_data(), content_type=request.content_type)
    )


@app.get("/api/v0/data_pipeline/tasks/<task_id>/logs")
def pipeline_task_logs(task_id):
    return reply(port.pipeline_task_logs(task_id=task_id, query=request.args))


@app.post("/api/v0/data_pipeline/tasks/<task_id>/logs/query")
def pipeline_task_log_query(task_id):
    return reply(
        port.pipeline_task_log_query(task_id=task_id, raw=request.get_data(), content_type=request.content_type)
    )


@app.get("/api/v0/data_pipeline/tasks/<task_id>/files")
def pipeline_task_files(task_id):
    return reply(port.pipeline_task_files(task_id=task_id))


@app.post("/api/v0/data_pipeline/tasks/<task_id>/files")
def pipeline_task_upload(task_id):
    stream, name = sent_file()
    mode = request.form.get("overwrite_mode")
    return reply(port.pipeline_task_upload(task_id=task_id, stream=stream, name=name, overwrite_mode=mode))


@app.get("/api/v0/data_pipeline/tasks/<task_id>/files/<file_name>")
def pipeline_task_file(task_id, file_name):
    return reply(port.pipeline_task_file(task_id=task_id, file_name=file_name))


@app.post("/api/v0/data_pipeline/tasks/<task_id>/upload-table-list")
def pipeline_table_list_upload(task_id):
    stream, name = sent_file()
    return reply(port.pipeline_table_list_upload(task_id=task_id, stream=stream, name=name))


@app.post("/api/v0/data_pipeline/tasks/<task_id>/table-list")
def pipeline_table_list(task_id):
    return reply(port.pipeline_table_list(task_id=task_id, raw=request.get_data()))


@app.get("/api/v0/data_pipeline/tasks/<task_id>/table-list-info")
def pipeline_table_list_info(task_id):
    return reply(port.pipeline_table_list_info(task_id=task_id))


# Databases


@app.post("/api/v0/database/tables")
def database_tables():
    return reply(port.database_tables(body=body()))


@app.post("/api/v0/database/table/ddl")
def database_table_ddl():
    return reply(port.database_table_ddl(body=body()))


if __name__ == "__main__":
    port.serve(app=app)
