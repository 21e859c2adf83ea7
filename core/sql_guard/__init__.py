"""The guard between generated SQL and the business database: static allow-lists, deny by default."""

from core.sql_guard.guard import AdmittedQuery, SqlGuard
from core.sql_guard.policy import GuardPolicy, RelationRule, policy_for
from core.sql_guard.refusal import is_repairable

__all__ = ["AdmittedQuery", "GuardPolicy", "RelationRule", "SqlGuard", "is_repairable", "policy_for"]
