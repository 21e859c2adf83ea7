"""The measurement `llm_faults`, with fewer calls."""

from tools.bench import llm_faults


def test_every_fault_ends_in_time_typed_and_after_three_requests() -> None:
    figures = llm_faults.measure(runs=1, calls=20)
    assert {figure.figure for figure in figures if figure.met} >= {
        "llm_faults.untyped_failures",
        "llm_faults.worst",
        "llm_faults.most_requests",
        "llm_faults.random_worst",
    }
