"""Builds the brain that the settings ask for, and the classic agent around it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import app_config
from agent.classification.dictionary import SHIPPED_FILE, load_dictionary
from agent.classification.routing import QuestionRouter
from agent.classification.rules import RuleClassifier
from agent.nodes import Nodes
from agent.retrieval import Retrieval, RetrievalLimits
from agent.sql_preparation import CheckRules, SqlPreparation, forbidden_words
from agent.sql_voting import SqlVoting
from common.answering import Brain
from common.config_service import ConfigService
from core.llm.client import LLMClient
from core.prompt_values import PromptValues
from core.schema_catalog import SchemaCatalog
from core.sql_executor import SqlExecutor
from core.vector_store.question_reading import QuestionReader
from core.vector_store.store import VectorStore

if TYPE_CHECKING:
    from agent.classic_agent import ClassicAgent

NEIGHBOURS = 6


def build_brain(settings: ConfigService, model: LLMClient | None, values: PromptValues) -> Brain:
    """One that asks the model, or the offline one without a model."""
    if model is None:
        from core.word_vectors import LazyWordVectors
        from offline.brain import OfflineBrain

        return OfflineBrain(vectors=LazyWordVectors())
    from agent.model_brain import ModelBrain
    from agent.prompt_files import PromptLibrary

    thinking = settings.get("DISPLAY_RESULT_THINKING")
    return ModelBrain(client=model, prompts=PromptLibrary(), values=values, shows_thinking=thinking)


def build_rules(settings: ConfigService) -> RuleClassifier:
    """The rules of the configured dictionary.

    Raises:
        ConfigurationError: its file is missing or wrong.
    """
    named = settings.get("AGENT_CLASSIFIER_FILE")
    return RuleClassifier(load_dictionary(app_config.project_path(named) if named else SHIPPED_FILE))


def build_classic_agent(
    settings: ConfigService,
    *,
    brain: Brain,
    rules: RuleClassifier,
    store: VectorStore,
    catalog: SchemaCatalog,
    executor: SqlExecutor,
    reader: QuestionReader,
    on_unproven: Callable[[str], None],
    has_model: bool,
) -> ClassicAgent:
    """The classic agent on shared collaborators. The graph's library is loaded here: a third of what a start loads."""
    from agent.classic_agent import ClassicAgent

    preparation = SqlVoting(
        preparation=SqlPreparation(brain=brain, executor=executor, rules=_check_rules(settings)),
        executor=executor,
        candidates=settings.get("SQL_CANDIDATES") if has_model else 1,
    )
    nodes = Nodes(
        brain=brain,
        router=QuestionRouter(rules, brain),
        retrieval=build_retrieval(settings, store, catalog, reader),
        preparation=preparation,
        executor=executor,
        summarises=settings.get("ENABLE_RESULT_SUMMARY"),
        on_unproven=on_unproven,
    )
    return ClassicAgent(nodes)


def build_retrieval(
    settings: ConfigService, store: VectorStore, catalog: SchemaCatalog, reader: QuestionReader
) -> Retrieval:
    """What collects the material to write SQL from."""
    return Retrieval(store=store, catalog=catalog, limits=_retrieval_limits(settings), reader=reader)


def _check_rules(settings: ConfigService) -> CheckRules:
    names = settings.get("AGENT_SQL_FORBIDDEN_OPERATIONS") if settings.get("AGENT_SQL_FORBIDDEN_CHECK") else ()
    return CheckRules(
        forbidden_operations=forbidden_words(names),
        asks_planner=settings.get("AGENT_SQL_SYNTAX_VALIDATION"),
        repairs=settings.get("AGENT_SQL_AUTO_REPAIR"),
        repair_timeout_seconds=settings.get("AGENT_SQL_REPAIR_TIMEOUT"),
    )


def _retrieval_limits(settings: ConfigService) -> RetrievalLimits:
    # the thresholds are on the scale of trained embedding models; hashed n-grams of a paraphrase score lower
    is_trained = settings.get("EMBEDDING_PROVIDER") != "offline"
    applies = settings.get("ENABLE_RESULT_VECTOR_SCORE_THRESHOLD") and is_trained
    names = ("SQL", "DDL", "DOC", "ERROR_SQL")
    sql, ddl, documentation, error_sql = (
        settings.get(f"RESULT_VECTOR_{name}_SCORE_THRESHOLD") if applies else 0.0 for name in names
    )
    return RetrievalLimits(
        count=NEIGHBOURS,
        sql_threshold=sql,
        ddl_threshold=ddl,
        documentation_threshold=documentation,
        error_sql_threshold=error_sql,
        uses_wrong_pairs=settings.get("ENABLE_ERROR_SQL_PROMPT"),
    )
