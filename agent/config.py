"""The classic agent's own settings and the nested view of them that its code and older tools use.

Registered with the application's settings service by `app_config.rows`. Names and defaults: contract chapter on
configuration, section 3; rows that never had an effect there are not carried over.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from common.config_service import ConfigService
from common.messages import AGENT_HEALTH_QUESTION
from common.settings_table import Setting

Agent = partial(Setting, section="agent")

SETTINGS: Final[tuple[Setting, ...]] = (
    Agent(
        "AGENT_HEALTH_TEST_QUESTION",
        str,
        AGENT_HEALTH_QUESTION,
        "Question of the agent's full health check.",
    ),
    Agent("AGENT_HEALTH_FULL_TEST", bool, True, "Ask the model that question in the health check."),
    Agent(
        "AGENT_HEALTH_FRESH_SECONDS",
        float,
        30.0,
        "Seconds for which a healthy outcome of that check is answered again without asking the model; another outcome "
        "for as long, but at most 5.",
        minimum=0,
        maximum=3600,
    ),
    Agent("AGENT_HEALTH_TIMEOUT", int, 30, "Seconds its answer may take.", minimum=1, maximum=3600),
    Agent(
        "AGENT_CLASSIFIER_FILE",
        str,
        "",
        "YAML file of the rules telling data questions from chats, relative to the project; empty is the shipped one.",
    ),
    Agent(
        "AGENT_SQL_FORBIDDEN_CHECK",
        bool,
        True,
        "Refuse the operations below by name, whatever else is checked; the guard decides in any case.",
    ),
    Agent(
        "AGENT_SQL_FORBIDDEN_OPERATIONS",
        tuple,
        ("UPDATE", "DELETE", "DROP", "ALTER", "INSERT"),
        "First words of statements refused by name; the guard refuses every write, listed or not.",
    ),
    Agent(
        "AGENT_SQL_SYNTAX_VALIDATION",
        bool,
        True,
        "Let the database plan generated SQL before it is run; without it nothing is repaired.",
    ),
    Agent("AGENT_SQL_AUTO_REPAIR", bool, True, "Let the model repair SQL that failed validation."),
    Agent("AGENT_SQL_REPAIR_TIMEOUT", int, 60, "Seconds a repair may take.", minimum=1, maximum=3600),
)

_PATHS: Final = {
    "health_check.test_question": "AGENT_HEALTH_TEST_QUESTION",
    "health_check.enable_full_test": "AGENT_HEALTH_FULL_TEST",
    "sql_validation.enable_forbidden_check": "AGENT_SQL_FORBIDDEN_CHECK",
    "sql_validation.forbidden_operations": "AGENT_SQL_FORBIDDEN_OPERATIONS",
    "sql_validation.enable_syntax_validation": "AGENT_SQL_SYNTAX_VALIDATION",
    "sql_validation.enable_auto_repair": "AGENT_SQL_AUTO_REPAIR",
    "sql_validation.repair_timeout": "AGENT_SQL_REPAIR_TIMEOUT",
}


def agent_config(settings: ConfigService) -> Mapping[str, Mapping[str, Any]]:
    """The historical AGENT_CONFIG, read-only: `{"health_check": {...}, "sql_validation": {...}}`."""
    groups: dict[str, dict[str, Any]] = {}
    for path, name in _PATHS.items():
        group, _, key = path.partition(".")
        groups.setdefault(group, {})[key] = settings.get(name)
    return MappingProxyType({group: MappingProxyType(members) for group, members in groups.items()})


def get_nested_config(config: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """The member at a dotted path such as `sql_validation.repair_timeout`, `default` when a step is missing."""
    found: Any = config
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return default
        found = found[key]
    return found
