"""The classic agent's graph with a scripted brain: which way a question takes and what it ends with."""

import asyncio
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from agent.classic_agent import ClassicAgent
from agent.classification.dictionary import load_dictionary
from agent.classification.routing import QuestionRouter
from agent.classification.rules import RuleClassifier
from agent.nodes import Nodes
from agent.retrieval import Retrieved
from agent.sql_preparation import CheckRules, SqlPreparation
from common import messages
from common.answering import Answer, Classification, Question, ResultSet, SqlDraft, SqlRequest, TrainedPair, Write
from common.business_schema import BusinessSchema, Column, Table
from common.errors import AnswerFailedError, ModelUnavailableError, SqlExecutionError, SqlRefusedError
from core.sql_executor import ExplainVerdict

DATABASE = Classification("DATABASE", 0.9, "理由", "rule_based_strong_business")
CHAT = Classification("CHAT", 0.9, "理由", "rule_based_chat")
ROWS = ResultSet(columns=("数量",), rows=({"数量": 3},), total_row_count=1)
RULES = RuleClassifier(load_dictionary())
NO_ROWS = ResultSet(columns=("数量",), rows=(), total_row_count=0)


@dataclass
class ScriptedBrain:
    provenance = {"model": "scripted"}  # noqa: RUF012
    classification: Classification = DATABASE
    draft: SqlDraft = field(default_factory=lambda: SqlDraft(sql="SELECT 1"))
    repaired: SqlDraft = field(default_factory=lambda: SqlDraft(sql="SELECT 2"))
    failing: frozenset[str] = frozenset()
    summary: str = "共3个"
    calls: list[str] = field(default_factory=list)

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failing:
            raise ModelUnavailableError("模型不可用")

    def on_behalf_of(self, question: Question) -> "ScriptedBrain":
        self.account = (question.tenant, question.user_id, question.route)
        return self

    async def classify(self, question: str, context: str, schema: BusinessSchema) -> Classification:
        self._called("classify")
        return self.classification

    async def write_sql(self, request: SqlRequest) -> SqlDraft:
        self._called("write_sql")
        return self.draft

    async def repair_sql(self, request: SqlRequest, sql: str, error: str) -> SqlDraft:
        self._called(f"repair {error}")
        return self.repaired

    async def summarise(self, question: str, result: ResultSet, *, write: Write | None = None) -> str:
        self._called("summarise")
        if write:
            write(self.summary)
        return self.summary

    async def chat(self, question: str, context: str, *, write: Write | None = None) -> str:
        self._called("chat")
        for piece in (" \n", " 您", "好 ", " ！", " ") if write else ():
            write(piece)
        return " 您好  ！ "


@dataclass
class ScriptedExecutor:
    """`explain` and `execute` answer by statement; a value that is an exception is raised."""

    explained: dict[str, Any] = field(default_factory=dict)
    outcomes: list[Any] = field(default_factory=lambda: [ROWS])
    executed: list[str] = field(default_factory=list)
    planned: list[Any] = field(default_factory=list)

    def check(self, sql: str, *, cancel: object = None) -> None:
        verdict = self.explained.get(sql)
        if isinstance(verdict, Exception):
            raise verdict

    def explain(self, sql: str, *, cancel: object = None) -> ExplainVerdict:
        verdict = self.explained.get(sql, ExplainVerdict(is_accepted=True))
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    def execute(self, sql: str, *, cancel: Any = None, planned: Any = None) -> ResultSet:
        self.executed.append(sql)
        self.planned.append(planned)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


ONE_TABLE = BusinessSchema((Table("public", "a", "", (Column("n", "integer"),)),))


@dataclass
class FixedRetrieval:
    tables: BusinessSchema = ONE_TABLE
    pairs: tuple[TrainedPair, ...] = ()

    async def schema(self) -> BusinessSchema:
        return self.tables

    async def nearest_pairs(self, question: Question) -> tuple[TrainedPair, ...]:
        return self.pairs

    async def collect(self, question: Question) -> Retrieved:
        request = SqlRequest(question.text, question.context, self.tables, date(2024, 1, 1))
        return Retrieved(request, notes=("no_examples",))


def agent(brain: ScriptedBrain, executor: ScriptedExecutor, **options: Any) -> ClassicAgent:
    rules = options.get("rules", CheckRules(repair_timeout_seconds=5))
    preparation = SqlPreparation(brain=brain, executor=executor, rules=rules)
    router = QuestionRouter(RULES, brain)
    retrieval = options.get("retrieval", FixedRetrieval())
    told = options.get("on_unproven", lambda _agent: None)
    nodes = Nodes(brain, router, retrieval, preparation, executor, options.get("summarises", True), told)
    return ClassicAgent(nodes)


def ask(built: ClassicAgent, routing_mode: str = "hybrid", text: str = "怎么样？") -> Answer:
    question = Question(text, "default", "alice", "alice:20260101000000000", routing_mode)
    return asyncio.run(built.answer(question))


def rejected(detail: str) -> ExplainVerdict:
    return ExplainVerdict(is_accepted=False, detail=detail)


def test_data_question_takes_the_whole_path() -> None:
    answer = ask(agent(ScriptedBrain(), ScriptedExecutor()))
    assert answer.execution_path == (
        "start", "classify", "agent_sql_generation", "agent_sql_execution", "format_response",
    )  # fmt: skip
    assert (answer.question_type, answer.sql, answer.records, answer.summary) == ("DATABASE", "SELECT 1", ROWS, "共3个")
    assert answer.response == answer.summary


@pytest.mark.parametrize(
    ("rows", "summarises", "response"),
    [
        (ROWS, True, "共3个（“营业额”按“营收”理解。）"),
        (ResultSet(ROWS.columns, (), 0), True, "（“营业额”按“营收”理解。）"),
        (ROWS, False, None),
    ],
)
@pytest.mark.parametrize("is_repaired", [False, True])
def test_how_a_word_was_understood_stands_behind_the_answer(
    rows: ResultSet, summarises: bool, response: str | None, is_repaired: bool
) -> None:
    brain = ScriptedBrain(draft=SqlDraft(sql="SELECT 1", note="（“营业额”按“营收”理解。）"))
    executor = ScriptedExecutor({"SELECT 1": rejected("x")} if is_repaired else {}, [rows])
    answer = ask(agent(brain, executor, summarises=summarises))
    assert answer.response.endswith("（“营业额”按“营收”理解。）")
    assert response in (None, answer.response)


def test_chat_question_never_touches_the_database() -> None:
    executor = ScriptedExecutor()
    answer = ask(agent(ScriptedBrain(classification=CHAT), executor))
    assert answer.execution_path == ("start", "classify", "agent_chat", "format_response")
    assert (answer.question_type, answer.response, answer.sql) == ("CHAT", "您好  ！", None)
    assert not executor.executed


@pytest.mark.parametrize(
    ("mode", "question_type", "method"),
    [("database_direct", "DATABASE", "direct_database"), ("chat_direct", "CHAT", "direct_chat")],
)
def test_direct_modes_do_not_ask_the_brain_to_classify(mode: str, question_type: str, method: str) -> None:
    brain = ScriptedBrain()
    answer = ask(agent(brain, ScriptedExecutor()), mode)
    assert answer.question_type == question_type
    assert answer.classification.method == method
    assert "classify" not in brain.calls


def test_explanation_instead_of_sql_is_shown() -> None:
    brain = ScriptedBrain(draft=SqlDraft(explanation="没有这样的数据。", reason="llm_explanation"))
    answer = ask(agent(brain, ScriptedExecutor()))
    assert answer.response == "没有这样的数据。 请尝试提问其它问题。"
    assert answer.execution_path == ("start", "classify", "agent_sql_generation", "format_response")
    assert (answer.sql, answer.records) == (None, None)


@pytest.mark.parametrize("reason", ["missing_database_info", "ambiguous_question", "unknown_generation_failure"])
def test_question_without_sql_fails_with_its_reason(reason: str) -> None:
    brain = ScriptedBrain(draft=SqlDraft(explanation="请说明年份", reason=reason))
    with pytest.raises(AnswerFailedError, match="请说明年份") as caught:
        ask(agent(brain, ScriptedExecutor()))
    assert caught.value.status == 422
    assert caught.value.data["validation_error_type"] == reason
    assert caught.value.data["execution_path"][-2:] == ["agent_sql_generation_failed", "format_response"]


def test_refused_statement_is_never_repaired_nor_run() -> None:
    refusal = SqlRefusedError("不允许的操作: DELETE", rule="node.delete")
    brain, executor = ScriptedBrain(), ScriptedExecutor(explained={"SELECT 1": refusal})
    with pytest.raises(AnswerFailedError, match="DELETE") as caught:
        ask(agent(brain, executor))
    assert caught.value.data["validation_error_type"] == "forbidden_keywords"
    assert caught.value.data["execution_path"][-2] == "forbidden_keywords_failed"
    assert not executor.executed
    assert not [call for call in brain.calls if call.startswith("repair")]


@pytest.mark.parametrize("written", ["delete FROM a", "-- why\n(DELETE FROM a)"])
def test_statement_of_another_kind_is_refused_by_its_name(written: str) -> None:
    refusal = SqlRefusedError("只允许", rule="statement.kind", position=written.lower().index("delete") + 1)
    brain = ScriptedBrain(draft=SqlDraft(sql=written))
    with pytest.raises(AnswerFailedError) as caught:
        ask(agent(brain, ScriptedExecutor(explained={written: refusal})))
    assert caught.value.message == "不允许的操作: DELETE。本系统只支持查询操作(SELECT)。"


def test_invalid_statement_is_repaired_once_and_the_repaired_one_runs() -> None:
    brain, executor = ScriptedBrain(), ScriptedExecutor(explained={"SELECT 1": rejected("no such column")})
    answer = ask(agent(brain, executor))
    assert answer.execution_path[2] == "sql_repair_success"
    assert executor.executed == ["SELECT 2"]
    assert "repair no such column" in brain.calls


def test_repair_that_stays_invalid_fails() -> None:
    executor = ScriptedExecutor(explained={"SELECT 1": rejected("bad"), "SELECT 2": rejected("still bad")})
    with pytest.raises(AnswerFailedError, match="still bad") as caught:
        ask(agent(ScriptedBrain(), executor))
    assert caught.value.data["validation_error_type"] == "syntax_repair_failed"
    assert caught.value.data["execution_path"][-2] == "sql_repair_failed"


def test_repair_that_writes_is_refused() -> None:
    refusal = SqlRefusedError("不允许的操作: UPDATE", rule="node.update")
    executor = ScriptedExecutor(explained={"SELECT 1": rejected("bad"), "SELECT 2": refusal})
    with pytest.raises(AnswerFailedError, match="UPDATE") as caught:
        ask(agent(ScriptedBrain(), executor))
    assert caught.value.data["validation_error_type"] == "forbidden_keywords"
    assert not executor.executed


def test_database_error_is_a_500_with_the_databases_words() -> None:
    executor = ScriptedExecutor(outcomes=[SqlExecutionError("失败", detail="division by zero", sqlstate="22012")])
    with pytest.raises(AnswerFailedError, match="SQL执行失败: division by zero") as caught:
        ask(agent(ScriptedBrain(), executor))
    assert caught.value.status == 500
    assert caught.value.data["sql"] == "SELECT 1"


def test_transient_database_error_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.nodes.TRANSIENT_RETRY_SECONDS", (0.0, 0.0))
    broken = SqlExecutionError("失败", detail="connection reset", is_transient=True)
    executor = ScriptedExecutor(outcomes=[broken, broken, ROWS])
    assert ask(agent(ScriptedBrain(), executor)).records == ROWS
    assert len(executor.executed) == 3


def test_plan_of_the_check_goes_along_with_each_try(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.nodes.TRANSIENT_RETRY_SECONDS", (0.0, 0.0))
    broken = SqlExecutionError("失败", detail="deadlock", is_transient=True)
    planned: Any = object()
    executor = ScriptedExecutor({"SELECT 1": ExplainVerdict(True, planned=planned)}, [broken, ROWS])
    assert ask(agent(ScriptedBrain(), executor)).records == ROWS
    assert executor.planned == [planned, planned]


def test_empty_result_is_not_summarised() -> None:
    brain = ScriptedBrain()
    answer = ask(agent(brain, ScriptedExecutor(outcomes=[NO_ROWS])))
    assert (answer.response, answer.summary, answer.records) == ("", None, NO_ROWS)
    assert "summarise" not in brain.calls


def test_lost_model_costs_the_summary_but_not_the_rows() -> None:
    answer = ask(agent(ScriptedBrain(failing=frozenset({"summarise"})), ScriptedExecutor()))
    assert answer.summary is None
    assert answer.records == ROWS
    assert "1 条记录" in answer.response


@pytest.mark.parametrize(
    ("failing", "token"), [("classify", "classify_error"), ("write_sql", "agent_sql_generation_error")]
)
def test_lost_model_is_an_error_never_an_answer(failing: str, token: str) -> None:
    with pytest.raises(ModelUnavailableError) as caught:
        ask(agent(ScriptedBrain(failing=frozenset({failing})), ScriptedExecutor()))
    assert token in caught.value.data["execution_path"]


def test_failure_before_the_classification_claims_none() -> None:
    with pytest.raises(ModelUnavailableError) as caught:
        ask(agent(ScriptedBrain(failing=frozenset({"classify"})), ScriptedExecutor()))
    assert caught.value.data["classification_info"] == {}
    assert "type" not in caught.value.data


def test_answer_says_that_examples_were_missing() -> None:
    assert ask(agent(ScriptedBrain(), ScriptedExecutor())).provenance["notes"] == ["no_examples"]


def test_many_questions_share_one_agent() -> None:
    shared = agent(ScriptedBrain(), ScriptedExecutor(outcomes=[ROWS] * 20))
    assert [ask(shared).records for _ in range(20)] == [ROWS] * 20


LOOK = SqlDraft(sql="SELECT DISTINCT 名称", is_intermediate=True)


@dataclass
class LookingBrain(ScriptedBrain):
    """Asks to look at the data `looks` times before it writes its SQL; keeps what it was told."""

    looks: int = 1
    told: list[Any] = field(default_factory=list)

    async def write_sql(self, request: SqlRequest) -> SqlDraft:
        self.told.append(request.looked_up)
        return LOOK if len(self.told) <= self.looks else self.draft


def test_brain_may_look_at_the_data_once_before_it_writes() -> None:
    brain, executor = LookingBrain(), ScriptedExecutor(outcomes=[NO_ROWS, ROWS])
    answer = ask(agent(brain, executor))
    assert executor.executed == [LOOK.sql, "SELECT 1"]
    assert brain.told[1].result == NO_ROWS
    assert (answer.sql, answer.records) == ("SELECT 1", ROWS)
    assert answer.provenance["intermediate_sql"] == LOOK.sql
    assert answer.provenance["sql_attempts"] == 2


def test_brain_that_goes_on_looking_has_no_sql() -> None:
    executor = ScriptedExecutor(outcomes=[NO_ROWS] * 5)
    with pytest.raises(AnswerFailedError) as failed:
        ask(agent(LookingBrain(looks=9), executor))
    assert failed.value.data["validation_error_type"] == "unknown_generation_failure"
    assert executor.executed == [LOOK.sql]


def test_forbidden_look_is_refused_and_never_run() -> None:
    refused = SqlRefusedError("不允许的操作", rule="statement.kind", position=1)
    executor = ScriptedExecutor(explained={LOOK.sql: refused})
    with pytest.raises(AnswerFailedError) as failed:
        ask(agent(LookingBrain(), executor))
    assert failed.value.data["validation_error_type"] == "forbidden_keywords"
    assert executor.executed == []


def test_look_the_database_objects_to_is_told_like_a_result() -> None:
    brain = LookingBrain()
    answer = ask(agent(brain, ScriptedExecutor(outcomes=[SqlExecutionError("列不存在"), ROWS])))
    assert (brain.told[1].result, brain.told[1].problem) == (None, "列不存在")
    assert answer.records == ROWS


def test_listed_operation_is_refused_by_name_before_anything_else() -> None:
    brain = ScriptedBrain(draft=SqlDraft(sql="with x as (select 1) select * from x"))
    rules = CheckRules(forbidden_operations=frozenset({"WITH"}))
    with pytest.raises(AnswerFailedError, match="不允许的操作: WITH") as failed:
        ask(agent(brain, ScriptedExecutor(), rules=rules))
    assert failed.value.data["execution_path"][-2:] == ["forbidden_keywords_failed", "format_response"]


def test_without_the_planner_the_guard_still_decides() -> None:
    rules = CheckRules(asks_planner=False)
    assert ask(agent(ScriptedBrain(), ScriptedExecutor({"SELECT 1": rejected("x")}), rules=rules)).records == ROWS
    refused = SqlRefusedError("不允许", rule="statement.kind")
    with pytest.raises(AnswerFailedError) as failed:
        ask(agent(ScriptedBrain(), ScriptedExecutor({"SELECT 1": refused}), rules=rules))
    assert failed.value.data["validation_error_type"] == "forbidden_keywords"


def test_question_for_a_number_is_no_chat_whatever_the_brain_says() -> None:
    answer = ask(agent(ScriptedBrain(classification=CHAT), ScriptedExecutor()), text="一共多少个？")
    assert answer.question_type == "DATABASE"


def test_database_without_readable_tables_is_said_and_no_sql_is_written() -> None:
    brain = ScriptedBrain()
    empty = FixedRetrieval(tables=BusinessSchema(()))
    with pytest.raises(AnswerFailedError) as raised:
        ask(agent(brain, ScriptedExecutor(), retrieval=empty), text="一共多少个？")
    assert raised.value.message == messages.NO_READABLE_TABLES
    assert raised.value.data["validation_error_type"] == "missing_database_info"
    assert "write_sql" not in brain.calls


def test_trained_question_goes_to_the_database_whatever_the_brain_says() -> None:
    brain = ScriptedBrain(classification=CHAT)
    trained = FixedRetrieval(pairs=(TrainedPair("今天天气怎么样", "SELECT 1"),))
    answer = ask(agent(brain, ScriptedExecutor(), retrieval=trained), text="今天天气怎么样？")
    assert answer.question_type == "DATABASE"


@pytest.mark.parametrize(
    ("repaired", "said"),
    [
        (SqlDraft(explanation="无法修复", reason="syntax_repair_failed"), "无法修复（原因：column a is unknown）"),
        (SqlDraft(explanation="不行", reason="llm_explanation", said="不行"), messages.SQL_REPAIR_WITHOUT_SQL),
        (SqlDraft(explanation="", reason="unknown_generation_failure"), messages.SQL_REPAIR_EMPTY),
    ],
)
def test_repair_without_sql_says_the_real_reason(repaired: SqlDraft, said: str) -> None:
    brain = ScriptedBrain(repaired=repaired)
    executor = ScriptedExecutor(explained={"SELECT 1": rejected("column a is unknown")})
    with pytest.raises(AnswerFailedError) as raised:
        ask(agent(brain, executor))
    assert raised.value.message == said


def test_a_summary_with_a_figure_that_no_row_has_gives_way_to_the_rows() -> None:
    unproven: list[str] = []
    built = agent(ScriptedBrain(summary="共4个"), ScriptedExecutor(), on_unproven=unproven.append)
    answer = ask(built)
    assert answer.summary is None
    assert answer.response == messages.ROWS_WITHOUT_SUMMARY.format(question="怎么样？", count=1, columns="数量")
    assert unproven == ["classic"]


def test_what_a_model_thought_needs_no_proof() -> None:
    brain = ScriptedBrain(summary="<think>\n4? no, 3\n</think>\n\n共3个")
    assert ask(agent(brain, ScriptedExecutor())).summary == brain.summary
