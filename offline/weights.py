"""The numbers that weigh one reading of a question against another. They are set by hand; each says what it is for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Weights:
    """Scores of links are 0..1; everything here is on that scale."""

    distance: float = 0.12  # what a join step costs a meaning
    missing: float = 1.0  # what a noun costs that a root cannot reach
    at_root: float = 0.06  # a meaning in the root itself
    event_root: float = 0.05  # figures are kept where things happen
    value_beside: float = 0.05  # a value whose table is named too
    label_value: float = 0.03  # a value that is the name of something
    value_of_group: float = 0.15  # a value of what is grouped by
    generic_of_subject: float = 0.25  # `name` or `id` is that of the thing asked about
    rows_when_ranked: float = 0.9  # `most orders` counts orders
    rows_when_aggregated: float = 0.8  # `total orders` counts orders
    only_amount: float = 1.02  # `total fines` adds up the one amount that the table of fines has
    counted_measure: float = 0.97  # `number of citations` may be a column
    counted_label: float = 0.98
    counted_values: float = 0.93
    counted_column: float = 0.7  # rows, where the counted noun is a column of theirs as well
    grouped_measure: float = 0.55  # nobody groups by an amount
    ranked_moment: float = 0.9
    ranked_label: float = 0.85
    ranked_field: float = 0.6
    least_score: float = 0.45  # a meaning below this is not taken
    unreachable: float = -9.0
    subject_root: float = 1.0  # what is listed is where rows come from
    sure: float = 0.8  # a meaning from here on is as good as the name itself
    other_column: float = 0.15  # a table whose word is the name of a column that is not its label
    most_roots: int = 24
    most_roots_beside_named: int = 10  # where the question names a table, few others can be meant
    most_level: int = 2  # as many tables may fit equally well; of more none is taken
    most_places: int = 40  # of the columns that hold a value, the nearest so many are looked at


WEIGHTS = Weights()


@dataclass(frozen=True)
class Nearness:
    """How similarity and margin become a certainty, 0..1 by the logistic function; `tools.near_words` fits the first
    three rows, in which stand a constant, the weight of the similarity and that of the margin to the next meaning."""

    same_language: tuple[float, float, float] = (-3.84, 9.76, 1.62)
    across: tuple[float, float, float] = (-4.96, 14.14, 4.78)
    least_margin: float = 0.05  # a meaning that is hardly nearer than the next is never taken
    least_certainty: float = 0.95  # a name less certain than this is suggested, never taken
    suggested: float = 0.3  # names at least this similar are suggested in a refusal
    strength: float = 0.8  # what the score of a link by nearness is of that of the name; `Weights.sure` at most


NEARNESS = Nearness()


@dataclass(frozen=True)
class Confidence:
    """How the signals of a plan (`offline.confidence.Signals`, in its order) become a confidence, 0..1 by the logistic
    function; `tools.fit_weights` fits all of it."""

    constant: float = 1.49
    by_signal: tuple[float, ...] = (1.42, 0.28, 0.24, -0.28, -1.61, 0.16, -0.85)
    least: float = 0.69  # instead of an answer less sure than this the engine asks for more detail


CONFIDENCE = Confidence()
