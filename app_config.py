"""The settings table, one row a setting, and the process-wide service that reads it.

`bootstrap` asks `default_service()`; older code may still write `from app_config import REDIS_URL`.
Values come from the environment, then `.env`, then `data/system_settings.json`, then the defaults below.
docs/settings.md and .env.example are generated from these rows: `python -m scripts.generate_docs settings`.
"""

# ruff: noqa: E501 - a row of the table stays on one line

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from common import derived_settings
from common.config_service import ConfigService
from common.settings_table import Setting

ROOT = Path(__file__).resolve().parent
MEBIBYTE = 1024 * 1024
POSTGRESQL = ("postgresql", "postgres", "postgresql+psycopg", "postgresql+psycopg2")
DAY = 86_400
RATE = r"\d{1,9}(/[1-9]\d{0,8})?"

Server = partial(Setting, section="server")
Web = partial(Setting, section="web")
Stores = partial(Setting, section="stores")
Model = partial(Setting, section="model")
Embedding = partial(Setting, section="embedding")
Sql = partial(Setting, section="sql")
Answers = partial(Setting, section="answers")
Runs = partial(Setting, section="runs")
Conversations = partial(Setting, section="conversations")
Logs = partial(Setting, section="logging")
Demo = partial(Setting, section="demo")

SETTINGS: tuple[Setting, ...] = (
    # name, type, default, help
    Server("HOST", str, "0.0.0.0", "Address the HTTP server binds; `make run` binds 127.0.0.1 unless this is set."),  # noqa: S104
    Server("PORT", int, 8084, "Port of the HTTP server.", minimum=1, maximum=65535),
    Server("MAX_WORKERS", int, 4, "Server processes (uvicorn workers); `make run` takes 1 unless this is set.", minimum=1, maximum=128),
    Server("WSGI_THREADS", int, 128, "Request threads of one process.", minimum=1, maximum=1024),
    Server("WSGI_QUEUE", int, 256, "Requests of one process that may wait for a thread; more are answered 503.", minimum=0, maximum=100_000),
    Server("WSGI_STREAMS", int, 128, "Open streams of one process, beside the request threads.", minimum=0, maximum=100_000),
    Server("BLOCKING_THREADS", int, 160, "Threads of one process that coroutines hand blocking calls to.", minimum=1, maximum=1024),
    Server("REQUEST_TIMEOUT", int, 60, "Seconds an answer may take.", minimum=1, maximum=3600, aliases=("TIMEOUT",)),
    Server("KEEPALIVE", int, 30, "Seconds an idle connection stays open.", minimum=1, maximum=3600),
    Server("WORKER_MAX_REQUESTS", int, 0, "Requests of one server process after which all are replaced, one by one; 0 for never.", minimum=0),
    Server("WORKER_MAX_REQUESTS_JITTER", int, 0, "At most so many requests more, drawn for each process.", minimum=0),
    Server("GRACEFUL_TIMEOUT", int, 10, "Seconds running requests get at shutdown.", minimum=0, maximum=600),
    Server("RECEIVE_TIMEOUT", int, 25, "Seconds a client may take to send its body; every 16 KiB received allow one more.", minimum=1, maximum=600),
    Server("RECEIVE_HEADER_TIMEOUT", float, 20.0, "Seconds a client may take to send its request line and headers.", minimum=0.1, maximum=600),
    Server("SEND_TIMEOUT", float, 60.0, "Seconds a client may stop reading before it is cut off.", minimum=0.1, maximum=3600),
    Server("MAX_REQUEST_BYTES", int, 10 * MEBIBYTE, "Largest request body in bytes; more is answered 413. Where a file is uploaded to a pipeline task, 10 MiB more.", minimum=1024),
    Server("MAX_HEADER_BYTES", int, 65_536, "Largest request header block in bytes; more is answered 431.", minimum=1024, maximum=MEBIBYTE),
    Server("ADMIN_TOKEN", str, "", "Bearer token of the admin routes; without it they answer loopback callers only.", secret=True),
    Server("LEGACY_HTTP_200_ERRORS", bool, False, "Answer upload and combine errors with HTTP 200, as the old service did."),
    #
    Web("REQUIRE_ADMIN_TOKEN", bool, False, "Refuse to start while ADMIN_TOKEN is not set."),
    Web("ALLOWED_ORIGINS", tuple, (), "Origins of other web sites whose pages may call the service, `https://portal.example`, comma-separated; they get CORS answers, pages of others may not change or start anything."),
    Web("ALLOWED_HOSTS", tuple, (), "Host names and addresses under which the service may be called, without port, comma-separated; empty takes any, except that a service bound to loopback is called by local names and addresses only."),
    Web("TRUSTED_PROXIES", tuple, (), "Addresses and networks (10.0.0.0/8) of proxies whose X-Forwarded-For, -Proto and -Host are believed, comma-separated; nobody's by default."),
    Web("RATE_LIMIT_QUESTIONS", str, "600/200", "Questions one caller (a user id at an address; guests: an address) may send a minute, and after the slash at once; 0 for no limit. All callers of an address together may send ten times that.", pattern=RATE),
    Web("RATE_LIMIT_STREAMS", str, "300/100", "The same for streams.", pattern=RATE),
    Web("RATE_LIMIT_SQL", str, "1800/300", "The same for SQL and looks at tables.", pattern=RATE),
    Web("RATE_LIMIT_TRAINING", str, "1200/600", "The same for training records and verdicts.", pattern=RATE),
    Web("RATE_LIMIT_UPLOADS", str, "120/60", "The same for uploads, pipeline tasks and backups.", pattern=RATE),
    Web("RATE_LIMIT_EXEMPT", tuple, ("127.0.0.0/8", "::1"), "Addresses and networks that are not limited, comma-separated; a proxy's own address counts only when TRUSTED_PROXIES lists it."),
    Web("CONVERSATIONS_PER_USER_PER_DAY", int, 20_000, "Conversations and threads one named user may begin a day; 0 for no limit. RATE_LIMIT_EXEMPT is not counted.", minimum=0),
    Web("CONVERSATIONS_PER_ADDRESS_PER_DAY", int, 100_000, "The same for all users and guests of one address.", minimum=0),
    Web("PIPELINE_MAX_TASKS", int, 10_000, "Pipeline tasks that may exist; more are answered 507; 0 for no limit.", minimum=0),
    Web("PIPELINE_MAX_TASK_BYTES", int, 512 * MEBIBYTE, "Bytes the files of one task may have; more are answered 507; 0 for no limit.", minimum=0),
    Web("VECTOR_BACKUP_MAX_SETS", int, 200, "Vector backups one folder may hold; more are answered 507; 0 for no limit.", minimum=0),
    Web("DISK_RESERVE_BYTES", int, 256 * MEBIBYTE, "Bytes of the disk that uploads leave free; 0 for none.", minimum=0),
    Web("ADMIN_TOKEN_ATTEMPTS", str, "10/10", "Wrong administrator's tokens one address may send a minute and at once; after that its requests with a token wait; 0 for no limit.", pattern=RATE),
    #
    Stores("DATA_DIR", str, "data", "Folder of the embedded servers and of system_settings.json; relative to the project.", is_environment_only=True),
    Stores("DATABASE_URL", str, "", "Platform database (PostgreSQL with pgvector); empty starts the embedded one.", secret=True, schemes=POSTGRESQL),
    Stores("DB_POOL_SIZE", int, 10, "Connections of one process to the platform database.", minimum=1, maximum=200),
    Stores("BUSINESS_DATABASE_URL", str, "", "Database the questions are about, with a read-only login; empty takes APP_DB_* or the embedded demo.", secret=True, schemes=POSTGRESQL),
    Stores("BUSINESS_READER_ROLE", str, "citu_reader", "Login role that runs generated SQL in the embedded database.", pattern="[a-z_][a-z0-9_]{0,62}"),
    Stores("BUSINESS_SCHEMAS", str, "public", "Schemas questions may reach, comma-separated; * for all the login may use.", pattern=r"\*|\w+(\s*,\s*\w+)*"),
    Stores("BUSINESS_POOL_SIZE", int, 8, "Connections of one process to the business database.", minimum=1, maximum=200),
    Stores("BUSINESS_POOL_SHARE", int, 0, "Of these, connections one caller may hold at once; 0 for half of them, at least 1.", minimum=0, maximum=200),
    Stores("BUSINESS_POOL_QUEUE", int, 64, "Statements that may wait for a connection in one process; one caller may have a quarter of them waiting.", minimum=4, maximum=10_000),
    Stores("APP_DB_HOST", str, "db.internal", "Business database host, when BUSINESS_DATABASE_URL is empty and APP_DB_USER is set."),
    Stores("APP_DB_PORT", int, 6432, "Business database port, likewise.", minimum=1, maximum=65535),
    Stores("APP_DB_NAME", str, "highway_db", "Business database name, likewise."),
    Stores("APP_DB_USER", str, "", "Business database login, likewise."),
    Stores("APP_DB_PASSWORD", str, "", "Business database password, likewise.", secret=True),
    Stores("PGVECTOR_DB_HOST", str, "db.internal", "Host of the old vector database.", is_effective=False),
    Stores("PGVECTOR_DB_PORT", int, 5432, "Port of the old vector database.", minimum=1, maximum=65535, is_effective=False),
    Stores("PGVECTOR_DB_NAME", str, "highway_pgvector_db", "Name of the old vector database.", is_effective=False),
    Stores("PGVECTOR_DB_USER", str, "", "Login of the old vector database.", is_effective=False),
    Stores("PGVECTOR_DB_PASSWORD", str, "", "Password of the old vector database.", secret=True, is_effective=False),
    Stores("VECTOR_DB_TYPE", str, "pgvector", "Store of the training examples.", choices=("pgvector", "chromadb"), is_effective=False),
    Stores("REDIS_URL", str, "", "Redis of conversations and caches; empty takes REDIS_HOST, or starts the embedded one.", secret=True, schemes=("redis", "rediss", "unix")),
    Stores("REDIS_HOST", str, "localhost", "Redis host, when REDIS_URL is empty and this is set."),
    Stores("REDIS_PORT", int, 6379, "Redis port, with REDIS_HOST.", minimum=1, maximum=65535),
    Stores("REDIS_DB", int, 1, "Redis database number, with REDIS_HOST.", minimum=0),
    Stores("REDIS_PASSWORD", str, None, "Redis password, with REDIS_HOST.", secret=True),
    Stores("REDIS_CACHE_URL", str, "", "Redis of the answer and embedding caches, which may evict; empty keeps them in REDIS_URL, which must not.", secret=True, schemes=("redis", "rediss", "unix")),
    Stores("REDIS_TIMEOUT", float, 0.4, "Seconds a Redis command may take before the service goes on without it.", minimum=0.01, maximum=60),
    Stores("REDIS_POOL_SIZE", int, 20, "Connections of one process to Redis.", minimum=1, maximum=1000),
    #
    Model("LLM_PROVIDER", str, "offline", "`offline` answers without network or key; `openai` is any OpenAI-compatible endpoint; the others are such endpoints with their address and model known.", choices=("offline", "openai", "qwen", "deepseek", "ollama")),
    Model("LLM_BASE_URL", str, "", "Endpoint; empty takes the provider's, for `openai` the one of LLM_MODEL_TYPE and API_LLM_MODEL.", schemes=("http", "https")),
    Model("LLM_API_KEY", str, "", "Key of the endpoint; empty takes QWEN_API_KEY or DEEPSEEK_API_KEY.", secret=True),
    Model("LLM_MODEL", str, "", "Model name; empty takes the provider's, for `openai` the one of LLM_MODEL_TYPE and API_LLM_MODEL."),
    Model("LLM_TEMPERATURE", float, None, "Sampling temperature; empty takes the provider's (0.6, Ollama 0.7). Classification and SQL are asked at 0.", minimum=0, maximum=2),
    Model("LLM_TIMEOUT", int, 60, "Seconds one model call may take.", minimum=1, maximum=3600),
    Model("LLM_ATTEMPT_TIMEOUT", int, 25, "Seconds one attempt at a model call may take, so that a hanging one leaves time for another.", minimum=1, maximum=3600),
    Model("LLM_ENABLE_THINKING", bool, None, "Ask the model to think, or not to; empty leaves it to the provider. DashScope thinks in streams only and is asked for them unless this is false."),
    Model("LLM_MAX_CALLS", int, 3, "Attempts at one model call, the first included.", minimum=1, maximum=10),
    Model("LLM_CONCURRENCY", int, 64, "Model calls one process makes at a time, fewer than BLOCKING_THREADS; further ones wait, tenants by turns.", minimum=1, maximum=1000),
    Model("LLM_REQUESTS_PER_MINUTE", int, 0, "Requests to the model one process begins within a minute; 0 for no limit.", minimum=0, maximum=1_000_000),
    Model("LLM_BREAKER_FAILURES", int, 10, "Failed attempts in a row after which the model is left alone for a while; 0 never.", minimum=0, maximum=1000),
    Model("LLM_BREAKER_SECONDS", int, 30, "How long it is left alone before one call tries again.", minimum=1, maximum=3600),
    Model("SQL_CANDIDATES", int, 1, "Statements written for a question of the classic agent at LLM_TEMPERATURE, which should be above 0; each is checked and run, and the result that most give is the answer. 1: a single one at temperature 0. Costs as many times the tokens and queries.", minimum=1, maximum=9),
    Model("LLM_PRICES", str, "", "JSON file with prices for a million tokens, by model: {\"model\": {\"input\": 2, \"output\": 8}}; relative to the project."),
    Model("LLM_DAILY_TOKEN_BUDGET", int, 0, "Tokens a tenant may use in a UTC day; further model calls are answered 429; 0 for no limit.", minimum=0),
    Model("LLM_DAILY_TOKEN_BUDGET_PER_USER", int, 0, "The same for each user of a tenant.", minimum=0),
    Model("LLM_MODEL_TYPE", str, "api", "Which historical endpoint applies when LLM_BASE_URL is empty.", choices=("api", "ollama")),
    Model("API_LLM_MODEL", str, "qianwen", "Which API, when LLM_MODEL_TYPE is api.", choices=("qianwen", "deepseek")),
    Model("OPENAI_API_KEY", str, "", "Key for `openai` at the LLM_BASE_URL that is set, when LLM_API_KEY is empty.", secret=True),
    Model("QWEN_API_KEY", str, "", "Key for qianwen.", secret=True),
    Model("DEEPSEEK_API_KEY", str, "", "Key for deepseek.", secret=True),
    #
    Embedding("EMBEDDING_PROVIDER", str, "offline", "`offline` hashes n-grams; `openai` is any OpenAI-compatible endpoint; `qwen` and `ollama` are such with address and model known.", choices=("offline", "openai", "qwen", "ollama")),
    Embedding("EMBEDDING_BASE_URL", str, "", "Endpoint; empty takes the Qwen or Ollama one of EMBEDDING_MODEL_TYPE.", schemes=("http", "https")),
    Embedding("EMBEDDING_API_KEY", str, "", "Key of the endpoint.", secret=True),
    Embedding("EMBEDDING_MODEL", str, "", "Model name; empty takes the one of EMBEDDING_MODEL_TYPE."),
    Embedding("EMBEDDING_DIMENSION", int, 1024, "Length of a vector; changing it means embedding everything again.", minimum=8, maximum=16_000),
    Embedding("EMBEDDING_SEND_DIMENSION", bool, None, "Ask the endpoint for vectors of that length; empty asks models known to have several."),
    Embedding("EMBEDDING_BATCH_SIZE", int, 10, "Texts one request carries.", minimum=1, maximum=2048),
    Embedding("EMBEDDING_CONCURRENCY", int, 32, "Embedding requests one process makes at a time; further ones wait, tenants by turns.", minimum=1, maximum=1000),
    Embedding("EMBEDDING_REQUESTS_PER_MINUTE", int, 0, "Embedding requests one process begins within a minute; 0 for no limit.", minimum=0, maximum=1_000_000),
    Embedding("EMBEDDING_MODEL_TYPE", str, "api", "Which historical endpoint applies when EMBEDDING_BASE_URL is empty.", choices=("api", "ollama")),
    Embedding("ENABLE_EMBEDDING_CACHE", bool, True, "Keep the embeddings of questions in Redis."),
    Embedding("EMBEDDING_CACHE_TTL", int, 30 * DAY, "Seconds an embedding is kept; 0 for ever.", minimum=0),
    Embedding("EMBEDDING_CACHE_MAX_SIZE", int, 5000, "Embeddings kept of a tenant, the soonest to end go first; 0 keeps none.", minimum=0),
    #
    Sql("SQL_STATEMENT_TIMEOUT", int, 30, "Seconds the database works on one statement.", minimum=1, maximum=3600),
    Sql("SQL_WALL_CLOCK", int, 35, "Seconds a query may take from sending it to its last row.", minimum=1, maximum=3600),
    Sql("SQL_COST_CEILING", float, 10_000_000, "Planner cost above which a query is refused.", minimum=1),
    Sql("SQL_BACKEND_MEMORY", int, 256, "Mebibytes of private memory a statement may take in its server process, where that runs on this machine; 0 for no bound.", minimum=0, maximum=1_000_000),
    Sql("SQL_DENIED_COLUMNS", str, "", "Columns no query may touch, `schema.table.column`, comma-separated.", pattern=r"[^,.]+\.[^,.]+\.[^,.]+(,[^,.]+\.[^,.]+\.[^,.]+)*"),
    Sql("SQL_ALLOWED_FUNCTIONS", str, "", "Functions of the business database that queries may call, `schema.function`, comma-separated.", pattern=r"[^,.]+\.[^,.]+(,[^,.]+\.[^,.]+)*"),
    Sql("DATABASE_TOOLS_ALLOWED", tuple, (), "Further PostgreSQL servers that requests may name as `db_connection`: host, host:port or a network (10.1.0.0/16), comma-separated; the configured database of the route always, cloud metadata never."),
    Sql("SCHEMA_CACHE_SECONDS", int, 300, "Seconds the business schema is kept before it is read again.", minimum=1, maximum=86_400),
    Sql("SQL_MAX_BYTES", int, 2 * MEBIBYTE, "Bytes of rows one answer may carry.", minimum=1024),
    Sql("API_MAX_RETURN_ROWS", int, 1000, "Rows one answer may carry.", minimum=1, maximum=100_000),
    #
    Runs("RUN_THREADS", int, 128, "Runs (streams and background questions) that one process executes at a time.", minimum=1, maximum=4096),
    Runs("RUN_QUEUE", int, 256, "Runs of one process that may wait for that; more are answered 503.", minimum=0, maximum=100_000),
    Runs("RUNS_PER_USER", int, 10, "Unfinished runs one user may have by the runs API, `guest` apart; 0 for no limit.", minimum=0),
    Runs("RUN_KEEP_SECONDS", int, 3600, "Seconds a run and its events can be read after its end.", minimum=60, maximum=30 * DAY),
    Runs("RUN_MAX_EVENTS", int, 5000, "Events kept of one run; the oldest go first.", minimum=10, maximum=1_000_000),
    Runs("RUN_ORPHAN_SECONDS", int, 300, "Seconds a run goes on without a watcher.", minimum=1, maximum=DAY),
    Runs("RUN_LEASE_SECONDS", int, 10, "Seconds after which a run of a silent worker is ended by another.", minimum=2, maximum=25),
    Runs("SSE_HEARTBEAT_SECONDS", float, 15.0, "Seconds without an event after which a stream sends a comment.", minimum=0.1, maximum=600),
    #
    Answers("QUESTION_ROUTING_MODE", str, "hybrid", "How a question finds its way when the caller does not say.", choices=("hybrid", "llm_only", "database_direct", "chat_direct")),
    Answers("PROMPT_VALUE_COLUMNS", tuple, ("auto",), "Columns whose stored values may be part of prompts to an external model, comma-separated, the last rule that fits decides: `auto` is text columns of at most 100 distinct values that look like no person's data (names, phones, mail, ids, addresses) by name, comment and content; `table.column` with `*` and `?`; `!table.column` for not these; empty for none. The rows of an answer are not meant: they go to the model that puts them in words. `/health` lists the columns."),
    Answers("TRAINING_TRUST", str, "auto", "Whose training records are used unseen. `anyone`: everybody's, unless there is a doubt about one. `reviewed`: only those that come with ADMIN_TOKEN; the others wait for an administrator. `admin`: only administrators may train, others are answered 403. `auto` is `reviewed` where HOST is a public address, or all interfaces of a machine with a public one, else `anyone`.", choices=("auto", "anyone", "reviewed", "admin")),
    Answers("ASK_AUTO_TRAIN", bool, False, "Train every question that `ask` and `ask_cached` answered with rows, as the old service did. Whoever can ask then teaches everybody's answers, wrong SQL included: questions that speak to the model wait in quarantine, and a second SQL for the same question is kept and listed under `training_data/conflicts`, but nobody checks that an answer was right. For trusted askers only."),
    Answers("SESSION_CACHE_MAX_ENTRIES", int, 1000, "Answers of `ask_cached` one process remembers for the cache_* routes.", minimum=0, maximum=1_000_000),
    Answers("SESSION_CACHE_MAX_BYTES", int, 64 * MEBIBYTE, "Bytes of rows and texts they may take; the oldest go first.", minimum=0),
    Answers("MAX_QUESTION_CHARS", int, 50_000, "Characters a question may have.", minimum=1),
    Answers("ENABLE_RESULT_SUMMARY", bool, True, "Say in words what the rows show."),
    Answers("DISPLAY_RESULT_THINKING", bool, False, "Keep the model's <think> text in answers."),
    Answers("ENABLE_RESULT_VECTOR_SCORE_THRESHOLD", bool, True, "Drop retrieved examples below their threshold."),
    Answers("RESULT_VECTOR_SQL_SCORE_THRESHOLD", float, 0.65, "Least similarity of a question/SQL example.", minimum=0, maximum=1),
    Answers("RESULT_VECTOR_DDL_SCORE_THRESHOLD", float, 0.5, "Least similarity of a table definition.", minimum=0, maximum=1),
    Answers("RESULT_VECTOR_DOC_SCORE_THRESHOLD", float, 0.5, "Least similarity of a documentation text.", minimum=0, maximum=1),
    Answers("ENABLE_ERROR_SQL_PROMPT", bool, True, "Show the model similar SQL known to be wrong."),
    Answers("RESULT_VECTOR_ERROR_SQL_SCORE_THRESHOLD", float, 0.8, "Least similarity of such SQL.", minimum=0, maximum=1),
    Answers("REWRITE_QUESTION_ENABLED", bool, False, "Merge a follow-up with the question before it.", is_effective=False),
    Answers("TRAINING_BATCH_PROCESSING_ENABLED", bool, False, "Train in batches.", is_effective=False),
    Answers("TRAINING_BATCH_SIZE", int, 10, "Items of a training batch.", minimum=1, is_effective=False),
    Answers("TRAINING_MAX_WORKERS", int, 1, "Threads that train batches.", minimum=1, maximum=64, is_effective=False),
    #
    Conversations("ENABLE_CONVERSATION_CONTEXT", bool, True, "Give the model the conversation so far."),
    Conversations("CONVERSATION_CONTEXT_COUNT", int, 2, "Rounds (question and answer) of context.", minimum=0, maximum=100),
    Conversations("CONVERSATION_MAX_LENGTH", int, 10, "Messages kept of one conversation.", minimum=1),
    Conversations("USER_MAX_CONVERSATIONS", int, 5, "Conversations kept of one user.", minimum=1),
    Conversations("CONVERSATION_TTL", int, 7 * DAY, "Seconds a conversation is kept after its last message; 0 for ever.", minimum=0),
    Conversations("USER_CONVERSATIONS_TTL", int, 7 * DAY, "Seconds a user's list of conversations is kept; 0 for ever.", minimum=0),
    Conversations("DEFAULT_ANONYMOUS_USER", str, "guest", "Prefix of users who do not say who they are.", is_effective=False),
    Conversations("ENABLE_QUESTION_ANSWER_CACHE", bool, False, "Answer repeated questions from Redis."),
    Conversations("QUESTION_ANSWER_TTL", int, DAY, "Seconds such an answer is kept; 0 for ever.", minimum=0),
    #
    Logs("LOG_DIR", str, "logs", "Folder of the log files; relative to the project."),
    Logs("LOG_LEVEL", str, "INFO", "Least level written; DEBUG writes questions and prompts.", choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")),
    Logs("LOG_JSON", bool, False, "Write one JSON object a line."),
    Logs("RECORD_EXCHANGES", str, "", "File to append every request and its answer to, secrets masked, for `scripts.parity`; empty for none."),
    #
    Demo("DEMO_DATA", bool, True, "Fill an empty embedded business database with the demo data."),
    Demo("DEMO_END_DATE", str, "", "Last day of the demo data, YYYY-MM-DD; empty is today.", pattern=r"\d{4}-\d{2}-\d{2}"),
)  # fmt: skip

_lock = threading.Lock()
_service: ConfigService | None = None


def rows() -> tuple[Setting, ...]:
    """Every row of the application: this table and those of the modules that keep their own."""
    from agent.config import SETTINGS as AGENT_SETTINGS
    from data_pipeline.config import SETTINGS as PIPELINE_SETTINGS
    from react_agent.config import SETTINGS as REACT_SETTINGS

    return SETTINGS + AGENT_SETTINGS + REACT_SETTINGS + PIPELINE_SETTINGS


def default_service() -> ConfigService:
    """The settings of this process, read at the first call.

    Raises:
        ConfigurationError: a value does not fit its row, or the settings file is corrupt.
    """
    global _service
    with _lock:
        if _service is None:
            _service = build_service()
        return _service


def build_service() -> ConfigService:
    """Read the settings of this project now, independent of what was read before."""
    dotenv_path = ROOT / ".env"
    return ConfigService(
        rows(),
        environ=os.environ,
        dotenv_path=dotenv_path,
        settings_path=_data_dir(dotenv_path) / "system_settings.json",
    )


def project_path(value: str) -> Path:
    """A path from the settings; relative ones start at the project, wherever the process was started."""
    return ROOT / value


def _data_dir(dotenv_path: Path) -> Path:
    """DATA_DIR, needed before the settings can be read because the settings file lives there."""
    given = os.environ.get("DATA_DIR") or dotenv_values(dotenv_path, interpolate=False).get("DATA_DIR")
    return project_path(given or "data")


def __getattr__(name: str) -> Any:
    """Settings as module attributes, for code that imports them by name (read at that moment, then fixed)."""
    if name in derived_settings.HISTORICAL:
        return derived_settings.HISTORICAL[name](default_service())
    if name.isupper() and any(row.name == name for row in rows()):
        return default_service().get(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
