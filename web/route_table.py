"""Everything the unified entry serves: the rows of every feature, in the order of the documentation.

A row says who may call a path and what it writes; `tests/architecture` holds the whole table.
"""

from features.ask import routes as ask
from features.ask.direct import routes as direct_ask
from features.caches import routes as caches
from features.compatibility import routes as compatibility
from features.conversations import routes as conversations
from features.database_tools import routes as database_tools
from features.evaluation import routes as evaluation
from features.feedback import routes as feedback
from features.health import home_routes as home
from features.health import routes as health
from features.health.agent import routes as agent_health
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
    *home.ROUTES,
    *health.ROUTES,
    *metrics.ROUTES,
    *chat.ROUTES,
    *ask.ROUTES,
    *direct_ask.ROUTES,
    *agent_health.ROUTES,
    *caches.ROUTES,
    *run_sql.ROUTES,
    *compatibility.ROUTES,
    *vector_backup.ROUTES,
    *database_tools.ROUTES,
    *maintenance.ROUTES,
    *feedback.ROUTES,
    *data_pipeline.ROUTES,
    *pipeline_files.ROUTES,
    *runs.ROUTES,
    *react.ROUTES,
    *streams.ROUTES,
    *training_data.ROUTES,
    *training_review.ROUTES,
    *usage.ROUTES,
    *evaluation.ROUTES,
    *conversations.ROUTES,
)
