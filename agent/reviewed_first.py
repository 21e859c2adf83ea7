"""Keeps unreviewed records out of the material for a question that reviewed ones speak of.

What holds by construction, whatever the records say:

    a question that reads like a reviewed pair's       no unreviewed pair and no unreviewed wrong example
    a wrong example that contradicts a reviewed pair   never used while nobody reviewed it
    a text that may only add (`Match.adds_only`)       used when the question names something that neither the schema,
                                                       the language data nor a reviewed record knows, and the text
                                                       speaks of that
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from common.business_schema import BusinessSchema
from core.vector_store.known_terms import new_words, speaks_of
from core.vector_store.near_pairs import question_key, same_meaning
from core.vector_store.question_reading import QuestionReader
from core.vector_store.records import Kind, Match
from core.vector_store.store import VectorStore

_SURELY_SAME = 1.0


class ReviewedFirst:
    """Leaves out of what a search has found the unreviewed records that may not be used; see the module.

    Args:
        store: asked for reviewed records.
        reader: says which questions read the same, and which words are known.
    """

    def __init__(self, store: VectorStore, reader: QuestionReader) -> None:
        self._store = store
        self._reader = reader

    def sifted(
        self, tenant: str, question: str, schema: BusinessSchema, matches: Mapping[Kind, Sequence[Match]]
    ) -> dict[Kind, list[Match]]:
        """The matches that may be used, and the reviewed pair that answers the question when it was not among them.

        Raises:
            StoreUnavailableError: the platform database cannot be asked.
        """
        kept = {kind: list(found) for kind, found in matches.items()}
        if any(not match.is_reviewed for kind in ("sql", "error_sql") for match in kept.get(kind, ())):
            self._sift_pairs(tenant, question, schema, kept)
        if any(match.adds_only for found in kept.values() for match in found):
            pieces = self._reader.pieces(schema, question)
            wanted = new_words(pieces, lambda terms: self._store.reviewed_terms(tenant, terms))
            for kind, found in kept.items():
                kept[kind] = [match for match in found if not match.adds_only or speaks_of(match.content, wanted)]
        return kept

    def _sift_pairs(self, tenant: str, question: str, schema: BusinessSchema, kept: dict[Kind, list[Match]]) -> None:
        reviewed = self._store.reviewed_near(tenant, question)
        same = [match for match in reviewed if self._reads_the_same(schema, question, match)]
        wrong = kept.get("error_sql", [])
        if same:
            kept["sql"] = _with_reviewed(kept.get("sql", []), same[0])
            allowed = [match for match in wrong if match.is_reviewed]
        else:
            allowed = [one for one in wrong if one.is_reviewed or not self._contradicts(schema, one, reviewed)]
        if wrong:
            kept["error_sql"] = allowed

    def _reads_the_same(self, schema: BusinessSchema, question: str, pair: Match) -> bool:
        key = question_key(question)
        if key and key == question_key(pair.question):
            return True
        return bool(self._reader.expected_sql(schema, question, [(pair.question, pair.content)]))

    def _contradicts(self, schema: BusinessSchema, wrong: Match, reviewed: Sequence[Match]) -> bool:
        """Whether the statement called wrong is what a reviewed pair answers, there or adapted to that question."""
        right = [match.content for match in reviewed]
        right += self._reader.expected_sql(schema, wrong.question, [(one.question, one.content) for one in reviewed])
        return any(same_meaning(wrong.content, sql) for sql in right)


def _with_reviewed(found: Sequence[Match], answering: Match) -> list[Match]:
    """The reviewed ones among the matches, and first the pair that answers the question if it is not among them."""
    reviewed = [match for match in found if match.is_reviewed]
    if any(match.id == answering.id for match in reviewed):
        return reviewed
    return [replace(answering, score=_SURELY_SAME), *reviewed]
