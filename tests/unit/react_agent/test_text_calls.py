"""Calls written as text are read when they are nothing else and name an offered tool."""

import pytest

from react_agent.text_calls import calls_in, may_begin_a_call
from react_agent.thinking import PlannedCall

NAMES = {"run_sql", "list_tables"}
RUN = PlannedCall("run_sql", {"sql": "SELECT 1"})
LIST = PlannedCall("list_tables", {})
OBJECT = '{"name": "run_sql", "arguments": {"sql": "SELECT 1"}}'


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        (f"<tool_call>\n{OBJECT}\n</tool_call>", (RUN,)),
        (f"查。\n<tool_call>{OBJECT}</tool_call>\n" '<tool_call>{"name": "list_tables"}</tool_call>', (RUN, LIST)),
        (f"<tool_call>{OBJECT}", (RUN,)),
        (OBJECT, (RUN,)),
        (f"```json\n{OBJECT}\n```", (RUN,)),
        ('{"name": "run_sql", "parameters": {"sql": "SELECT 1"}}', (RUN,)),
        ('{"name": "run_sql", "args": "{\\"sql\\": \\"SELECT 1\\"}"}', (RUN,)),
        (f"[{OBJECT}, {{\"name\": \"list_tables\", \"arguments\": {{}}}}]", (RUN, LIST)),
        (f"结果是 {OBJECT}", ()),
        ('{"name": "drop_table", "arguments": {}}', ()),
        (f'<tool_call>{OBJECT}</tool_call><tool_call>{{"name": "other"}}</tool_call>', ()),
        ('{"name": "run_sql", "arguments": [1]}', ()),
        ('{"name": ["run_sql"]}', ()),
        ('[{"name": "宜春", "营收": 3}]', ()),
        ("<tool_call>not json</tool_call>", ()),
        ("[]", ()),
        ("宜春营收最高", ()),
        ("", ()),
        ("[" * 200_000, ()),
    ],
)  # fmt: skip
def test_calls_in_a_text(text: str, calls: tuple[PlannedCall, ...]) -> None:
    assert calls_in(text, NAMES) == calls


@pytest.mark.parametrize(
    ("text", "may"), [("", True), ("<too", True), ("  {", True), ("``", True), ("<b>", False), ("共3条", False)]
)
def test_what_may_begin_a_call(text: str, may: bool) -> None:
    assert may_begin_a_call(text) is may
