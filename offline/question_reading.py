"""Reads texts for the training door and the search for examples with the engine that answers questions.

Implements `core.vector_store.question_reading.QuestionReader`, so that what the door takes for the same question is
what the engine would answer alike.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Final

from common.answering import TrainedPair
from common.business_schema import BusinessSchema
from common.messages.question_words import UNIT_REMARKS
from core.vector_store.question_reading import Piece
from offline.engine import Engine
from offline.links import Link
from offline.text import fold, has_cjk
from offline.time_grammar import Clock
from offline.tokens import Token
from offline.trained import adapt
from offline.vocabulary import Vocabulary, load_vocabulary

_CHARACTERS_AT_ONCE: Final = 1_000
_OVERLAP: Final = 40
_FORMS: Final = frozenset(
    {"except", "except_after", "negation", "unequal", "distinct", "sum", "avg", "max", "min", "ratio", "share",
     "difference", "of_total", "back", "is_null", "not_null"}
)  # fmt: skip
_SURE: Final = 0.75
_KEPT_SCHEMAS: Final = 2
_KEPT_PLANS: Final = 4_000
_MOST_CHARACTERS: Final = 500
_QUOTES: Final = re.compile(r"[\"'`“”‘’「」『』《》【】]")
_UNITS: Final = re.compile(UNIT_REMARKS, re.IGNORECASE)
_ASIDES: Final = re.compile(r"[(（\[【][^()（）\[\]【】]{0,40}[)）\]】]")


class OfflineQuestionReader:
    """A `QuestionReader` over the language data of the offline engine; threads share it.

    Args:
        vocabulary: reads the language data at the first use.
        today: the day that relative dates count from; any fixed day serves, since questions are only compared.
    """

    def __init__(
        self,
        vocabulary: Callable[[], Vocabulary] = load_vocabulary,
        today: Callable[[], date] = lambda: datetime.now(UTC).date(),
    ) -> None:
        self._load = vocabulary
        self._today = today
        self._vocabulary: Vocabulary | None = None
        self._engines: OrderedDict[int, Engine] = OrderedDict()
        self._plans: OrderedDict[tuple[int, date, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def pieces(self, schema: BusinessSchema, text: str) -> Sequence[Piece]:
        """See `QuestionReader`."""
        engine, clock = self._engine(schema), Clock(self._today())
        found: list[Piece] = []
        plain = _QUOTES.sub(" ", text)
        for start in range(0, len(plain), _CHARACTERS_AT_ONCE - _OVERLAP):
            tokens = engine.tokeniser.tokens(plain[start : start + _CHARACTERS_AT_ONCE], clock)
            found += [_piece(token) for token in tokens if token.text.strip()]
        return found

    def expected_sql(self, schema: BusinessSchema, question: str, pairs: Iterable[tuple[str, str]]) -> list[str]:
        """See `QuestionReader`. Unknown words, and remarks in brackets or on units, may stand in it besides."""
        if len(question) > _MOST_CHARACTERS:
            return []
        engine, today = self._engine(schema), self._today()
        wordings = self._wordings(engine, question, today)
        found: list[str] = []
        for trained, sql in pairs:
            pair = TrainedPair(trained, sql)
            adapted = next(filter(None, (adapt(engine, wording, today, [pair]) for wording in wordings)), None)
            if adapted is not None:
                found.append(adapted.sql)
            elif self._is_same_plan(engine, wordings, trained, today):
                found.append(sql)
        return found

    def _wordings(self, engine: Engine, question: str, today: date) -> list[str]:
        """The question, without remarks in brackets and on units, and without unknown words."""
        bare = _UNITS.sub("", _ASIDES.sub(" ", question)).strip() or question
        tokens = engine.tokeniser.tokens(bare, Clock(today))
        known = " ".join(token.text for token in tokens if not token.is_unknown)
        return [one for one in dict.fromkeys((question, bare, known)) if one.strip()]

    def _is_same_plan(self, engine: Engine, wordings: Sequence[str], trained: str, today: date) -> bool:
        expected = self._plan(engine, trained, today)
        return bool(expected) and any(self._plan(engine, wording, today) == expected for wording in wordings)

    def _plan(self, engine: Engine, question: str, today: date) -> str:
        """What the engine makes of the question by itself; empty when it makes nothing of it."""
        name = (id(engine), today, question)
        with self._lock:
            known = self._plans.get(name)
        if known is None:
            known = engine.compose(question[:_MOST_CHARACTERS], today).sql
            with self._lock:
                self._plans[name] = known
                while len(self._plans) > _KEPT_PLANS:
                    self._plans.popitem(last=False)
        return known

    def _engine(self, schema: BusinessSchema) -> Engine:
        with self._lock:
            engine = self._engines.get(id(schema))
            if engine is None or engine.schema is not schema:
                self._vocabulary = self._vocabulary or self._load()
                engine = self._engines[id(schema)] = Engine(schema, self._vocabulary)
                self._plans.clear()
            self._engines.move_to_end(id(schema))
            while len(self._engines) > _KEPT_SCHEMAS:
                self._engines.popitem(last=False)
            return engine


def _piece(token: Token) -> Piece:
    """A lone Chinese character may be part of a word nobody knows (无 of 无人机), so it is no number and no form."""
    sure = [link for link in token.names if link.score >= _SURE]
    subjects = frozenset(map(_subject, (*sure, *token.values)))
    text = fold(token.text)
    is_inside_a_word = len(text) == 1 and has_cjk(text)
    is_number = token.number is not None or token.period is not None
    is_form = not _FORMS.isdisjoint(token.tags)
    return Piece(text, subjects, token.is_unknown, is_number and not is_inside_a_word, is_form and not is_inside_a_word)


def _subject(link: Link) -> str:
    column = link.field.name if link.field is not None else ""
    return f"{link.relation.name}.{column}"
