"""The offline brain: implements `common.answering.Brain` without a key and without a network.

Built by bootstrap, asked by the agent's engine. A question is answered by a trained question when everything but its
slots agrees, else by planning from the schema; what is not understood is refused with the words and what is near them.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path

from common import messages
from common.answering import Classification, Question, ResultSet, SqlDraft, SqlRequest, TrainedPair, Write
from common.business_schema import BusinessSchema
from common.messages import offline as texts
from offline.about_data import about_data, newest_day
from offline.classifying import ClassifierWords, classify, contains, load_classifier_words
from offline.conversation import complete, current_part, points_back
from offline.engine import Composed, Engine
from offline.near_words import WordVectors
from offline.question_from_sql import question_from_sql
from offline.refusals import refusal_text, understood_text
from offline.repair import repair_names
from offline.summary import summarise_rows
from offline.text import fold, is_english
from offline.time_grammar import Clock
from offline.trained import adapt
from offline.vocabulary import Vocabulary, load_vocabulary

_MANY_TABLES = 300
_KEPT_SCHEMAS, _MOST_PAIRS, _MOST_CHARACTERS = 4, 20, 2000
_THANKS, _BYES = ("谢谢", "感谢", "thanks", "thank you"), ("再见", "拜拜", "bye", "goodbye")


class OfflineBrain:
    """A brain that links, plans and retrieves.

    Args:
        vocabulary: the language data; None reads the files beside the package.
        classifier_words: the classifier's data; None reads the file beside the package.
        vectors: what tells that words are near in meaning; None links words by their letters and synonyms alone.
    """

    def __init__(
        self,
        *,
        vocabulary: Vocabulary | None = None,
        classifier_words: ClassifierWords | None = None,
        vectors: WordVectors | None = None,
    ) -> None:
        self._vectors = vectors
        self._vocabulary = vocabulary or load_vocabulary()
        self._classifier_words = classifier_words or load_classifier_words()
        self._engines: OrderedDict[int, Engine] = OrderedDict()
        self._reading: BusinessSchema | None = None
        self._lock = threading.Lock()

    @cached_property
    def provenance(self) -> Mapping[str, object]:
        """Its version is a digest of its code and language data and of having vectors: they decide what it answers."""
        files = sorted(path for path in Path(__file__).parent.rglob("*") if path.suffix in (".py", ".yaml"))
        has_vectors = self._vectors is not None and self._vectors.is_available
        digest = hashlib.sha256(b"\0".join([*(path.read_bytes() for path in files), str(has_vectors).encode()]))
        return {"model": "offline", "version": digest.hexdigest()[:16]}

    def on_behalf_of(self, question: Question) -> OfflineBrain:
        """Thinking here costs nobody anything."""
        return self

    async def classify(self, question: str, context: str, schema: BusinessSchema) -> Classification:
        """By the words of the schema; a follow-up of a data question is a data question."""
        engine = self._engine(schema)
        today = datetime.now(UTC).date()
        text = complete(current_part(question)[:_MOST_CHARACTERS], context, engine, today)
        return classify(text, engine.read(text, today), self._classifier_words)

    async def write_sql(self, request: SqlRequest) -> SqlDraft:
        """SQL from a trained question or from the schema, or the reason why not.

        A wrong example that kept another statement from being the answer is one of the records it is based on.
        """
        if _is_too_long(request):
            return SqlDraft(explanation=texts.OFFLINE_AMBIGUOUS, reason="ambiguous_question")
        engine = self._engine(request.schema)
        asked = current_part(request.question)
        question = complete(asked, request.context, engine, request.today)
        if question == asked and points_back(asked, engine, request.today):
            return _points_back(asked)
        nearest = request.pairs[:_MOST_PAIRS]
        doubted = [pair for pair in nearest if _plain(pair.sql) in _against(request, pair)]
        refused = {_plain(pair.sql) for pair in doubted if adapt(engine, question, request.today, [pair])}
        adapted = adapt(engine, question, request.today, [pair for pair in nearest if pair not in doubted])
        if adapted is not None and _plain(adapted.sql) not in _against(request, adapted.pair):
            note = understood_text(engine.tokens(question, Clock(request.today)), is_english=is_english(question))
            draft = SqlDraft(sql=adapted.sql, based_on=_records(adapted.pair), note=note)
        else:
            composed = engine.compose(question, request.today)
            refused |= {_plain(one.sql) for one in (adapted, composed) if one is not None and one.sql}
            draft = _drafted(engine, composed, request.today, {_plain(pair.sql) for pair in request.wrong_pairs})
            refused.discard(_plain(draft.sql))
        refusing = [pair.record_id for pair in request.wrong_pairs if _plain(pair.sql) in refused]
        return replace(draft, based_on=(*draft.based_on, *filter(None, refusing)))

    async def repair_sql(self, request: SqlRequest, sql: str, error: str) -> SqlDraft:
        """The statement with unknown names put right, else a fresh one when that differs, else the reason."""
        if repaired := repair_names(sql, request.schema):
            return SqlDraft(sql=repaired)
        if not _is_too_long(request):
            engine = self._engine(request.schema)
            question = complete(current_part(request.question), request.context, engine, request.today)
            fresh = engine.compose(question, request.today)
            if fresh.sql and fresh.sql != sql:
                return SqlDraft(sql=fresh.sql, note=_note(fresh))
        return SqlDraft(explanation=messages.OFFLINE_CANNOT_REPAIR, reason="syntax_repair_failed")

    async def write_question(self, sql: str) -> str:
        """A question told by the Chinese names in `sql`; empty when they do not say what it is about."""
        return question_from_sql(sql)

    async def summarise(self, question: str, result: ResultSet, *, write: Write | None = None) -> str:
        """What the rows show."""
        return summarise_rows(result, current_part(question))

    async def chat(self, question: str, context: str, *, write: Write | None = None) -> str:
        """A greeting or an account of what this can do; anything else needs a language model, and that is said."""
        current = current_part(question)
        text, suffix = fold(current), "_EN" if is_english(current) else ""
        if any(contains(text, word) for word in _THANKS):
            return _said("OFFLINE_CHAT_THANKS", suffix)
        if any(contains(text, word) for word in _BYES):
            return _said("OFFLINE_CHAT_BYE", suffix)
        greets = any(contains(text, word) for word in self._classifier_words.chat)
        answer = _said("OFFLINE_CHAT_GREETING" if greets else "OFFLINE_CHAT_NEEDS_MODEL", suffix)
        tables = self._table_names()
        return answer + (_said("OFFLINE_CHAT_TABLES", suffix).format(tables=tables) if tables else "")

    def prepare(self, schema: BusinessSchema) -> None:
        """Read the schema now: thousands of tables take seconds."""
        self._engine(schema)

    def _engine(self, schema: BusinessSchema) -> Engine:
        with self._lock:
            engine = self._engines.get(id(schema))
            if engine is None or engine.schema is not schema:
                engine = self._older(schema) or self._built(schema)
            return engine

    def _built(self, schema: BusinessSchema) -> Engine:
        engine = Engine(schema, self._vocabulary, self._vectors)
        engine.near.begin()
        return self._keep(engine)

    def _keep(self, engine: Engine) -> Engine:
        self._engines[id(engine.schema)] = engine
        while len(self._engines) > _KEPT_SCHEMAS:
            self._engines.popitem(last=False)
        return engine

    def _older(self, schema: BusinessSchema) -> Engine | None:
        """For many tables of which only values changed: the engine of before, until the new one is read."""
        if len(schema.tables) < _MANY_TABLES:
            return None
        engines = reversed(self._engines.values())
        older = next((engine for engine in engines if engine.schema.fingerprint == schema.fingerprint), None)
        if older is not None and self._reading is not schema:
            self._reading = schema
            threading.Thread(target=self._read_aside, args=(schema,), name="schema-engine", daemon=True).start()
        return older

    def _read_aside(self, schema: BusinessSchema) -> None:
        engine = Engine(schema, self._vocabulary, self._vectors)
        engine.near.begin()
        with self._lock:
            self._keep(engine)

    def _table_names(self) -> str:
        with self._lock:
            engine = next(reversed(self._engines.values()), None)
        return "、".join(relation.title for relation in engine.index.relations[:12]) if engine is not None else ""


def _said(name: str, suffix: str) -> str:
    """A text in Chinese, or with the suffix `_EN` in English."""
    found: str = getattr(texts, name + suffix) if suffix else getattr(messages, name)
    return found


def _points_back(question: str) -> SqlDraft:
    """Why a question about an earlier result is not answered: rows of earlier answers are not asked again."""
    text = texts.OFFLINE_POINTS_BACK_EN if is_english(question) else texts.OFFLINE_POINTS_BACK
    return SqlDraft(explanation=text, reason="ambiguous_question")


def _drafted(engine: Engine, composed: Composed, today: date, wrong: set[str]) -> SqlDraft:
    reading = composed.reading
    if reading is not None and (text := about_data(reading, engine, today)):
        return SqlDraft(explanation=text, reason="llm_explanation")
    if reading is not None and (newest := newest_day(reading, engine)):
        return SqlDraft(sql=newest)
    if composed.sql and _plain(composed.sql) not in wrong:
        return SqlDraft(sql=composed.sql, note=_note(composed))
    in_english = reading.is_english if reading is not None else False
    if composed.refusal is None:
        return SqlDraft(explanation=messages.OFFLINE_NOT_UNDERSTOOD, reason="unknown_generation_failure")
    text = refusal_text(composed.refusal, engine.index, engine.near, is_english=in_english)
    return SqlDraft(explanation=text, reason=composed.refusal.reason)


def _note(composed: Composed) -> str:
    reading = composed.reading
    return understood_text(reading.tokens, is_english=reading.is_english) if reading is not None else ""


def _is_too_long(request: SqlRequest) -> bool:
    """Reading takes time with every character; a question of pages is not one that could be answered here."""
    return len(current_part(request.question)) > _MOST_CHARACTERS


def _records(pair: TrainedPair) -> tuple[str, ...]:
    return (pair.record_id,) if pair.record_id else ()


def _against(request: SqlRequest, pair: TrainedPair) -> set[str]:
    """The statements known as wrong that count against `pair`: against a reviewed pair only reviewed ones do."""
    is_reviewed = pair.record_id not in request.unreviewed_ids
    wrong = [one for one in request.wrong_pairs if not (is_reviewed and one.record_id in request.unreviewed_ids)]
    return {_plain(one.sql) for one in wrong}


def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", sql.strip().rstrip(";")).casefold()
