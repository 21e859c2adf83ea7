"""What the training door and the search for examples ask of an engine that reads questions about a schema.

`offline.question_reading` implements it; bootstrap connects the two, since core knows no engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.business_schema import BusinessSchema


@dataclass(frozen=True)
class Piece:
    """A piece of a text as the engine cuts it.

    Attributes:
        text: as it is written, folded.
        subjects: the tables and columns it may name, and the columns of which it is a value, as `table.column`.
        is_new: neither the schema nor the language data of the engine know it.
        is_number: a number, a share or a period.
        is_form: a word that changes what is computed: a sum, an exception, a negation, a comparison.
    """

    text: str
    subjects: frozenset[str] = frozenset()
    is_new: bool = False
    is_number: bool = False
    is_form: bool = False


class QuestionReader(Protocol):
    """Reads texts as an engine that answers questions does."""

    def pieces(self, schema: BusinessSchema, text: str) -> Sequence[Piece]:
        """The whole text in pieces, in order."""
        ...

    def expected_sql(self, schema: BusinessSchema, question: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
        """What the pairs (question, SQL) answer this question with, for those pairs that read the same.

        Dates, numbers, names and figures may differ; then the pair's SQL is adapted to them.
        """
        ...


class NoReader:
    """A `QuestionReader` that knows no words: every text is new, and no two questions read the same."""

    def pieces(self, schema: BusinessSchema, text: str) -> Sequence[Piece]:
        return (Piece(text, is_new=True),) if text.strip() else ()

    def expected_sql(self, schema: BusinessSchema, question: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
        return []
