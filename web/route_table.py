"""Everything the unified entry serves, one row a route. Sorted by feature; a route that changes something says so."""

from features.ask import routes as ask
from features.ask.direct import routes as direct_ask
from features.caches import routes as caches
from features.compatibility import routes as compatibility
from features.conversations import routes as conversations
from features.database_tools import routes as database_tools
from features.feedback import routes as feedback
from features.health import home_routes as home
from features.health import routes as health
from features.health.agent import routes as agent_health
from features.http import Access, Route, Work
from features.maintenance import routes as maintenance
from features.metrics import routes as metrics
from features.pipeline_tasks import file_routes as pipeline_files
from features.pipeline_tasks import routes as data_pipeline
from features.react import routes as react
from features.react.chat import routes as chat
from features.run_sql import routes as run_sql
from features.runs import routes as runs
from features.runs.streams import routes as streams
from features.training_data import review_routes as training_review
from features.training_data import routes as training_data
from features.usage import routes as usage
from features.vector_backup import routes as vector_backup

ROUTES = (
    # path                     documentation  resource         who may call
    Route("/", home.docs, home.Home, Access.PUBLIC),
    Route("/health", health.docs, health.Health, Access.PUBLIC),
    Route("/metrics", metrics.docs, metrics.Metrics, Access.ADMIN),
    Route("/chat", chat.docs, chat.Chat, Access.PUBLIC, work=Work.QUESTION),
    Route("/redis/direct", chat.docs, chat.RedisDirect, Access.ADMIN, writes=("POST",), is_json_only=True),
    Route("/api/v0/ask_agent", ask.docs, ask.AskAgent, Access.PUBLIC, work=Work.QUESTION),
    Route("/api/v0/ask", direct_ask.docs, direct_ask.Ask, Access.PUBLIC, work=Work.QUESTION),
    Route("/api/v0/ask_cached", direct_ask.docs, direct_ask.AskCached, Access.PUBLIC, work=Work.QUESTION),
    Route("/api/v0/agent_health", agent_health.docs, agent_health.AgentHealthCheck, Access.PUBLIC),
    Route("/api/v0/cache_cleanup", caches.docs, caches.CacheCleanup, Access.ADMIN, writes=("POST",)),
    Route("/api/v0/cache_export", caches.docs, caches.CacheExport, Access.PUBLIC),
    Route("/api/v0/cache_overview", caches.docs, caches.CacheOverview, Access.PUBLIC),
    Route("/api/v0/cache_overview_full", caches.docs, caches.CacheOverviewFull, Access.PUBLIC),
    Route("/api/v0/cache_preview_cleanup", caches.docs, caches.CachePreviewCleanup, Access.PUBLIC),
    Route("/api/v0/cache_stats", caches.docs, caches.CacheStats, Access.PUBLIC),
    Route("/api/v0/embedding_cache_cleanup", caches.docs, caches.EmbeddingCacheCleanup, Access.ADMIN, writes=("POST",)),
    Route("/api/v0/embedding_cache_stats", caches.docs, caches.EmbeddingCacheStats, Access.PUBLIC),
    Route("/api/v0/qa_cache_cleanup", caches.docs, caches.QaCacheCleanup, Access.ADMIN, writes=("POST",)),
    Route("/api/v0/qa_cache_list", caches.docs, caches.QaCacheList, Access.PUBLIC),
    Route("/api/v0/qa_cache_stats", caches.docs, caches.QaCacheStats, Access.PUBLIC),
    Route("/api/v0/citu_run_sql", run_sql.docs, run_sql.CituRunSql, Access.PUBLIC, work=Work.SQL),
    Route("/api/v0/compatibility", compatibility.docs, compatibility.Compatibility, Access.PUBLIC),
    Route(
        "/api/v0/data_pipeline/vector/backup",
        vector_backup.docs,
        vector_backup.VectorBackup,
        Access.PUBLIC,
        work=Work.UPLOAD,
    ),
    Route(
        "/api/v0/data_pipeline/vector/restore/list", vector_backup.docs, vector_backup.VectorRestoreList, Access.PUBLIC
    ),
    Route(
        "/api/v0/data_pipeline/vector/restore",
        vector_backup.docs,
        vector_backup.VectorRestore,
        Access.ADMIN,
        writes=("POST",),
    ),
    Route("/api/v0/database/tables", database_tools.docs, database_tools.DatabaseTables, Access.PUBLIC, work=Work.SQL),
    Route(
        "/api/v0/database/table/ddl", database_tools.docs, database_tools.DatabaseTableDdl, Access.PUBLIC, work=Work.SQL
    ),
    Route("/api/v0/metrics", metrics.docs, metrics.MetricsJson, Access.ADMIN),
    Route("/api/v0/maintenance/readonly", maintenance.docs, maintenance.ReadOnly, Access.ADMIN, is_json_only=True),
    Route(
        "/api/v0/qa_feedback/add",
        feedback.docs,
        feedback.QaFeedbackAdd,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.TRAINING,
    ),
    Route("/api/v0/qa_feedback/query", feedback.docs, feedback.QaFeedbackQuery, Access.PUBLIC),
    Route("/api/v0/qa_feedback/stats", feedback.docs, feedback.QaFeedbackStats, Access.PUBLIC),
    Route(
        "/api/v0/qa_feedback/update/<int:feedback_id>",
        feedback.docs,
        feedback.QaFeedbackUpdate,
        Access.PUBLIC,
        writes=("PUT",),
    ),
    Route(
        "/api/v0/qa_feedback/delete/<int:feedback_id>",
        feedback.docs,
        feedback.QaFeedbackDelete,
        Access.ADMIN,
        writes=("DELETE",),
    ),
    Route(
        "/api/v0/qa_feedback/add_to_training",
        feedback.docs,
        feedback.QaFeedbackAddToTraining,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.TRAINING,
    ),
    Route(
        "/api/v0/data_pipeline/tasks",
        data_pipeline.docs,
        data_pipeline.DataPipelineTasks,
        Access.PUBLIC,
        writes=("POST", "DELETE"),
        work=Work.UPLOAD,
    ),
    Route("/api/v0/data_pipeline/tasks/query", data_pipeline.docs, data_pipeline.DataPipelineTaskQuery, Access.PUBLIC),
    Route("/api/v0/data_pipeline/tasks/<task_id>", data_pipeline.docs, data_pipeline.DataPipelineTask, Access.PUBLIC),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/execute",
        data_pipeline.docs,
        data_pipeline.DataPipelineTaskExecution,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/retry",
        data_pipeline.docs,
        data_pipeline.DataPipelineTaskRetry,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/cancel",
        data_pipeline.docs,
        data_pipeline.DataPipelineTaskCancellation,
        Access.PUBLIC,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/events",
        data_pipeline.docs,
        data_pipeline.DataPipelineTaskEvents,
        Access.PUBLIC,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/logs",
        data_pipeline.docs,
        pipeline_files.DataPipelineTaskLogs,
        Access.PUBLIC,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/logs/query",
        data_pipeline.docs,
        pipeline_files.DataPipelineTaskLogQuery,
        Access.PUBLIC,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/files",
        data_pipeline.docs,
        pipeline_files.DataPipelineTaskFiles,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/files/<file_name>",
        data_pipeline.docs,
        pipeline_files.DataPipelineTaskFile,
        Access.PUBLIC,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/upload-table-list",
        data_pipeline.docs,
        pipeline_files.DataPipelineTableListUpload,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/table-list",
        data_pipeline.docs,
        pipeline_files.DataPipelineTableList,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route(
        "/api/v0/data_pipeline/tasks/<task_id>/table-list-info",
        data_pipeline.docs,
        pipeline_files.DataPipelineTableListInfo,
        Access.PUBLIC,
    ),
    Route("/api/v0/runs", runs.docs, runs.Runs, Access.PUBLIC, is_json_only=True, work=Work.QUESTION),
    Route("/api/v0/runs/<run_id>", runs.docs, runs.RunState, Access.PUBLIC),
    Route("/api/v0/runs/<run_id>/events", runs.docs, runs.RunEvents, Access.PUBLIC),
    Route("/api/v0/runs/<run_id>/stop", runs.docs, runs.RunStop, Access.PUBLIC),
    Route("/api/v0/ask_react_agent", react.docs, react.AskReactAgent, Access.PUBLIC, work=Work.QUESTION),
    Route("/api/v0/react/status/<thread_id>", react.docs, react.ReactStatus, Access.PUBLIC),
    Route("/api/v0/react/direct/status/<thread_id>", react.docs, react.ReactDirectStatus, Access.PUBLIC),
    Route("/api/v0/react/users/<user_id>/conversations", react.docs, react.ReactUserConversations, Access.PUBLIC),
    Route("/api/v0/react/conversations/<thread_id>", react.docs, react.ReactConversation, Access.PUBLIC),
    Route(
        "/api/v0/react/direct/users/<user_id>/conversations",
        react.docs,
        react.ReactDirectUserConversations,
        Access.PUBLIC,
    ),
    Route("/api/v0/react/direct/conversations/<thread_id>", react.docs, react.ReactDirectConversation, Access.PUBLIC),
    Route(
        "/api/v0/react/direct/conversations/<thread_id>/compare", react.docs, react.ReactDirectCompare, Access.PUBLIC
    ),
    Route(
        "/api/v0/react/direct/conversations/<thread_id>/summary", react.docs, react.ReactDirectSummary, Access.PUBLIC
    ),
    Route(
        "/api/v0/checkpoint/direct/cleanup",
        react.docs,
        react.CheckpointCleanup,
        Access.ADMIN,
        writes=("POST",),
        is_json_only=True,
    ),
    Route("/api/v0/checkpoint/direct/stats", react.docs, react.CheckpointStats, Access.ADMIN),
    Route("/api/test/redis", react.docs, react.TestRedis, Access.ADMIN),
    Route(
        "/api/v0/ask_agent_stream",
        streams.docs,
        streams.AskAgentStream,
        Access.PUBLIC,
        is_starting=True,
        work=Work.STREAM,
    ),
    Route(
        "/api/v0/ask_react_agent_stream",
        streams.docs,
        streams.AskReactAgentStream,
        Access.PUBLIC,
        is_starting=True,
        work=Work.STREAM,
    ),
    Route("/api/v0/training_data/stats", training_data.docs, training_data.TrainingDataStats, Access.PUBLIC),
    Route("/api/v0/training_data/query", training_data.docs, training_data.TrainingDataQuery, Access.PUBLIC),
    Route(
        "/api/v0/training_data/create",
        training_data.docs,
        training_data.TrainingDataCreate,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.TRAINING,
    ),
    Route(
        "/api/v0/training_data/delete",
        training_data.docs,
        training_data.TrainingDataDelete,
        Access.ADMIN,
        writes=("POST",),
    ),
    Route(
        "/api/v0/training_data/update",
        training_data.docs,
        training_data.TrainingDataUpdate,
        Access.ADMIN,
        writes=("POST",),
        work=Work.TRAINING,
    ),
    Route(
        "/api/v0/training_data/upload",
        training_data.docs,
        training_data.TrainingDataUpload,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.UPLOAD,
    ),
    Route(
        "/api/v0/training_data/combine",
        training_data.docs,
        training_data.TrainingDataCombine,
        Access.PUBLIC,
        writes=("POST",),
        is_json_only=True,
        work=Work.TRAINING,
    ),
    Route("/api/v0/training_data/conflicts", training_review.docs, training_review.TrainingDataConflicts, Access.ADMIN),
    Route(
        "/api/v0/training_data/quarantine",
        training_review.docs,
        training_review.TrainingDataQuarantine,
        Access.ADMIN,
    ),
    Route(
        "/api/v0/training_data/quarantine/approve",
        training_review.docs,
        training_review.TrainingDataQuarantineApprove,
        Access.ADMIN,
        writes=("POST",),
        is_json_only=True,
    ),
    Route(
        "/api/v0/training_data/quarantine/reject",
        training_review.docs,
        training_review.TrainingDataQuarantineReject,
        Access.ADMIN,
        writes=("POST",),
        is_json_only=True,
    ),
    Route("/api/v0/training_data/drift", training_review.docs, training_review.TrainingDataDrift, Access.ADMIN),
    Route(
        "/api/v0/citu_train_question_sql",
        training_data.docs,
        training_data.CituTrainQuestionSql,
        Access.PUBLIC,
        writes=("POST",),
        work=Work.TRAINING,
    ),
    Route(
        "/api/v0/training_error_question_sql",
        training_data.docs,
        training_data.TrainingErrorQuestionSql,
        Access.PUBLIC,
        writes=("POST",),
        is_json_only=True,
        work=Work.TRAINING,
    ),
    Route("/api/v0/usage", usage.docs, usage.Usage, Access.ADMIN),
    Route("/api/v0/user/<user_id>/conversations", conversations.docs, conversations.UserConversations, Access.PUBLIC),
    Route(
        "/api/v0/user/<user_id>/conversations/full",
        conversations.docs,
        conversations.UserConversationsFull,
        Access.PUBLIC,
    ),
    Route(
        "/api/v0/conversation/<conversation_id>/messages",
        conversations.docs,
        conversations.ConversationMessages,
        Access.PUBLIC,
    ),
    Route(
        "/api/v0/conversation/<conversation_id>/context",
        conversations.docs,
        conversations.ConversationContext,
        Access.PUBLIC,
    ),
    Route("/api/v0/conversation_stats", conversations.docs, conversations.ConversationStats, Access.PUBLIC),
    Route(
        "/api/v0/conversation_cleanup",
        conversations.docs,
        conversations.ConversationCleanup,
        Access.ADMIN,
        writes=("POST",),
    ),
    Route(
        "/api/v0/conversation_limit_enforcement",
        conversations.docs,
        conversations.ConversationLimitEnforcement,
        Access.ADMIN,
        writes=("POST",),
    ),
)
