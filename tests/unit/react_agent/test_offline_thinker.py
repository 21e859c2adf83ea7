"""Short follow-ups about rows that are already known are computed, everything else goes its usual way."""

import json

import pytest
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage, ToolMessage

from react_agent.offline_thinker import conversation_context, derived_operation

ROWS = [{"服务区": "庐山", "营收": 5}, {"服务区": "鄱阳湖", "营收": 7}]


def thread(kind: str = "rows") -> list[AnyMessage]:
    facts = {"kind": kind, "sql": "SELECT 1", "columns": ["服务区", "营收"], "total": 2, "kept": 2}
    content = json.dumps(ROWS, ensure_ascii=False)
    call = {"id": "c", "name": "run_sql", "args": {}, "type": "tool_call"}
    return [
        HumanMessage("各服务区营收"),
        AIMessage("", tool_calls=[call]),
        ToolMessage(content, tool_call_id="c", name="run_sql", artifact=facts),
        AIMessage("共两行。"),
    ]


@pytest.mark.parametrize(
    ("question", "operation"),
    [
        ("他们合计多少", "sum"),
        ("他们合计多少？", "sum"),
        ("加起来呢", "sum"),
        ("平均是多少", "average"),
        ("最高的是哪个", "max"),
        ("最少的呢", "min"),
        ("一共几条", "count"),
        ("服务区营收合计多少", ""),
        ("按月拆开", ""),
        ("那公司呢", ""),
        ("请统计2023年4月各个服务区的营收合计是多少", ""),
    ],
)
def test_operation_of_a_follow_up(question: str, operation: str) -> None:
    assert derived_operation(question, thread()) == operation


def test_without_rows_there_is_nothing_to_compute() -> None:
    assert derived_operation("他们合计多少", []) == ""
    assert derived_operation("他们合计多少", thread(kind="failed")) == ""


def test_context_is_what_was_said() -> None:
    assert conversation_context(thread()) == "User: 各服务区营收\nAssistant: 共两行。"
