"""Rank fusion and the threshold rule; the vectors of the latter come from the wire contract."""

import pytest

from core.vector_store.fusion import fuse_by_rank, keep_similar


def test_what_both_rankings_like_comes_first() -> None:
    assert fuse_by_rank(["a", "b", "c"], ["c", "b", "d"]) == ["c", "b", "a", "d"]


def test_one_ranking_keeps_its_order() -> None:
    assert fuse_by_rank(["x", "y"], []) == ["x", "y"]


def test_equal_scores_keep_the_first_rankings_order() -> None:
    assert fuse_by_rank(["x"], ["y"]) == ["x", "y"]


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([], []),
        ([0.1], [0.1]),
        ([0.9, 0.1], [0.9]),
        ([0.9, 0.1, 0.05], [0.9, 0.1]),
        ([0.1, 0.2, 0.3, 0.4], [0.4, 0.3]),
        ([0.7, 0.66, 0.64, 0.2, 0.1, 0.0], [0.7, 0.66, 0.64]),
        ([0.7, 0.8, 0.9], [0.9, 0.8, 0.7]),
    ],
)
def test_at_least_half_is_kept(scores: list[float], kept: list[float]) -> None:
    assert keep_similar(scores, 0.65, score=float) == kept


def test_strict_threshold_may_keep_nothing() -> None:
    assert keep_similar([0.79, 0.1], 0.8, score=float, is_strict=True) == []
    assert keep_similar([0.79, 0.8, 0.95], 0.8, score=float, is_strict=True) == [0.95, 0.8]
