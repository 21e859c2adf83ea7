"""SQL that somebody called wrong: against a reviewed pair it counts only when it was reviewed itself."""

import pytest

from common.answering import SqlRequest, TrainedPair
from common.business_schema import BusinessSchema
from offline.brain import _against

RIGHT = TrainedPair("各状态有多少", "SELECT s, COUNT(*) FROM t GROUP BY s", 0.9, "right")
WRONG = TrainedPair("各状态有多少（错误）", RIGHT.sql, 0.9, "wrong")


@pytest.mark.parametrize(
    ("unreviewed", "counts"),
    [((), True), (("wrong",), False), (("right",), True), (("right", "wrong"), True)],
    ids=["both reviewed", "only the right one", "only the wrong one", "neither"],
)
def test_unreviewed_wrong_sql_switches_no_reviewed_pair_off(unreviewed: tuple[str, ...], counts: bool) -> None:
    request = SqlRequest(question=RIGHT.question, context="", schema=BusinessSchema(()), today=None, pairs=(RIGHT,),
                         wrong_pairs=(WRONG,), unreviewed_ids=frozenset(unreviewed))  # fmt: skip
    assert bool(_against(request, RIGHT)) is counts
