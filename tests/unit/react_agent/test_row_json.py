"""Values of rows look as the ReAct agent's clients have always read them."""

import pytest

from common.answering import ResultSet
from core.sql_executor.executor import ExecutedQuery
from react_agent.tools.row_json import rows_text, wire_rows

NUMERIC, DATE, TIMESTAMP, TIMESTAMPTZ, TEXT = 1700, 1082, 1114, 1184, 25


@pytest.mark.parametrize(
    ("oid", "stored", "shown"),
    [
        (NUMERIC, "7809.86", 7809.86),
        (NUMERIC, "40", 40),
        (NUMERIC, "40.0000", 40),
        (NUMERIC, "0.00000000001", 0.0),
        (NUMERIC, "123456789012345678901", 123456789012345678901),
        (NUMERIC, "1234567890123456.789", "1234567890123456.789"),
        (NUMERIC, "1" + "0" * 40, "1" + "0" * 40),
        (DATE, "2023-04-01", "2023-04-01T00:00:00.000"),
        (DATE, "infinity", "infinity"),
        (DATE, "0044-03-15 BC", "0044-03-15 BC"),
        (TIMESTAMP, "2023-04-01 12:30:00", "2023-04-01T12:30:00.000"),
        (TIMESTAMP, "2023-04-01 12:30:00.123456", "2023-04-01T12:30:00.123"),
        (TIMESTAMPTZ, "2023-04-01 12:30:00+08:00", "2023-04-01T04:30:00.000Z"),
        (TEXT, "12", "12"),
        (NUMERIC, None, None),
    ],
)
def test_value(oid: int, stored: object, shown: object) -> None:
    executed = ExecutedQuery(ResultSet(("v",), ({"v": stored},), 1), 0.0, None, (oid,))
    assert wire_rows(executed) == [{"v": shown}]


def test_columns_keep_the_order_of_the_query() -> None:
    executed = ExecutedQuery(ResultSet(("z", "a"), ({"z": "1", "a": "二"},), 1), 0.0, None, (NUMERIC, TEXT))
    assert rows_text(wire_rows(executed)) == '[{"z":1,"a":"二"}]'
