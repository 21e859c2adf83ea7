"""The gate every SQL statement passes before it meets the business database; used by agents, routes and the executor.

Checks are static and ordered from cheap to thorough; what is not known to be harmless is refused. The text that was
checked is the text that is executed: nothing is rewritten.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sqlglot import exp

from common import messages
from common.errors import SqlExecutionError, SqlRefusedError
from core.logging import get_app_logger
from core.sql_guard.catalog_names import check_catalog_names
from core.sql_guard.constant_rules import check_constants
from core.sql_guard.foreign_dialects import tokenize_foreign
from core.sql_guard.grammar import parse_statement
from core.sql_guard.lexer import tokenize
from core.sql_guard.lexical_rules import check_text, check_tokens, significant
from core.sql_guard.node_rules import check_call_positions, check_tree
from core.sql_guard.policy import GuardPolicy
from core.sql_guard.refusal import Refusal
from core.sql_guard.scopes import ScopeChecker
from core.sql_guard.simple_names import check_simple_names
from core.sql_guard.value_sizes import check_value_sizes
from core.sql_parsing import CallerLeftError, Cancellation, TooMuchWorkError, Work

_VISITS_PER_NODE: Final = 20


@dataclass(frozen=True)
class AdmittedQuery:
    """A statement the guard let pass.

    Attributes:
        text: the original text, to be executed as it is.
        statement: its parse tree, for reading only.
        relations: `schema.name` of every relation it reads, in order of appearance.
        search_path: the schemas unqualified names were looked up in; the server must look in the same ones.
        collected_bytes: about how large one value handed to a collecting aggregate can be; 0 when unknown.
        columns: `schema.relation.column` of everything it reads.
        whole_rows: relations of which it takes a row as one value.
        policy: what it was admitted by; None when no guard did.
    """

    text: str
    statement: exp.Expr
    relations: tuple[str, ...]
    search_path: tuple[str, ...] = ()
    collected_bytes: int = 0
    columns: frozenset[str] = frozenset()
    whole_rows: frozenset[str] = frozenset()
    policy: GuardPolicy | None = field(default=None, repr=False, compare=False)


class SqlGuard:
    """Admits or refuses statements by a policy.

    Args:
        policy: the policy, or a function that returns the current one (it is asked once for each statement).
        audit: where refusals are recorded; default the application's `sql_audit` logger.
    """

    def __init__(self, policy: GuardPolicy | Callable[[], GuardPolicy], *, audit: logging.Logger | None = None) -> None:
        self._policy = policy
        self._audit = audit or get_app_logger("sql_audit")

    def check(self, sql: str, *, cancel: Cancellation | None = None) -> AdmittedQuery:
        """Admit `sql`.

        Args:
            cancel: when it is set, the check ends within a moment.

        Raises:
            SqlExecutionError: sqlstate 57014, `cancel` was set.
            SqlRefusedError: with the id of the rule that refused, a 1-based position when one is known, and a
                sentence for the person who asked. Whatever goes wrong in the check itself also refuses.
        """
        policy = self._current_policy()
        try:
            return _examine(sql, policy, Work(0, cancel=cancel))
        except Refusal as refusal:
            raise self._refused(sql, refusal) from None
        except RecursionError:
            raise self._refused(sql, Refusal("tree.too_deep")) from None
        except CallerLeftError:
            raise SqlExecutionError(messages.SQL_CANCELLED, sqlstate="57014") from None
        except TooMuchWorkError:
            raise self._refused(sql, Refusal("tree.work")) from None
        except Exception as error:  # noqa: BLE001 - a check that fails must refuse, never admit
            self._audit.error("sql guard failed: %s", type(error).__name__)
            raise self._refused(sql, Refusal("internal.error")) from None

    def still_admits(self, admitted: AdmittedQuery, sql: str) -> bool:
        """Whether `check(sql)` would admit what it admitted before: the very same text, by the policy of now.

        Each reading of the business schema makes a policy of its own, so that one from before a reading never counts.
        """
        return admitted.text == sql and admitted.policy is not None and admitted.policy is self._current_policy()

    def _current_policy(self) -> GuardPolicy:
        return self._policy if isinstance(self._policy, GuardPolicy) else self._policy()

    def _refused(self, sql: str, refusal: Refusal) -> SqlRefusedError:
        position = None if refusal.offset is None else refusal.offset + 1
        digest = hashlib.sha256(sql.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self._audit.warning(
            "sql refused rule=%s position=%s length=%d sha256=%s", refusal.rule, position, len(sql), digest
        )
        return SqlRefusedError(refusal.sentence, rule=refusal.rule, position=position)


def _examine(sql: str, policy: GuardPolicy, work: Work) -> AdmittedQuery:
    check_text(sql, policy)
    is_postgres = policy.dialect == "postgres"
    tokens = significant(tokenize(sql) if is_postgres else tokenize_foreign(sql, policy.dialect))
    check_tokens(tokens, policy)
    statement = parse_statement(sql, tokens, policy.dialect, work)
    nodes = check_tree(statement, policy)
    work.add(_VISITS_PER_NODE * len(nodes))
    check_call_positions(tokens, nodes, policy)
    check_constants(nodes, policy)
    check_catalog_names(nodes)
    scopes = ScopeChecker(policy, work)
    scopes.check(statement)
    scopes.require_all_seen(nodes)
    if touched := policy.over_granted.intersection(scopes.reads.relations):
        check_simple_names(tokens, nodes, policy, touched)
    return AdmittedQuery(
        text=sql,
        statement=statement,
        relations=tuple(scopes.reads.relations),
        columns=frozenset(scopes.reads.columns),
        whole_rows=frozenset(scopes.reads.whole_rows),
        search_path=policy.search_path,
        collected_bytes=check_value_sizes(statement, policy, work),
        policy=policy,
    )
