"""Everything the unified entry serves, one row a route. Sorted by feature; a route that changes something says so."""

from features.agent_health import routes as agent_health
from features.ask import routes as ask
from features.health import routes as health
from features.home import routes as home
from features.http import Access, Route
from features.metrics import routes as metrics
from features.run_sql import routes as run_sql
from features.usage import routes as usage

ROUTES = (
    # path                     documentation  resource         who may call
    Route("/", home.docs, home.Home, Access.PUBLIC),
    Route("/health", health.docs, health.Health, Access.PUBLIC),
    Route("/metrics", metrics.docs, metrics.Metrics, Access.ADMIN),
    Route("/api/v0/ask_agent", ask.docs, ask.AskAgent, Access.PUBLIC),
    Route("/api/v0/agent_health", agent_health.docs, agent_health.AgentHealthCheck, Access.PUBLIC),
    Route("/api/v0/citu_run_sql", run_sql.docs, run_sql.CituRunSql, Access.PUBLIC),
    Route("/api/v0/usage", usage.docs, usage.Usage, Access.ADMIN),
)
