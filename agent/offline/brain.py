"""The offline brain: implements `common.answering.Brain` without a key and without a network.

Built by bootstrap, asked by the agent's engine. A question is answered by the nearest trained question when everything
but its slots agrees, else by composing from the schema; below a confidence it says honestly why there is no SQL.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from agent.offline.adapt import Adapted, TemplateAdapter
from agent.offline.classify import ClassifierWords, classify, contains, current_part, load_classifier_words
from agent.offline.composer import Composed, Composer
from agent.offline.follow_up import with_context
from agent.offline.normalise import normalise
from agent.offline.question_from_sql import question_from_sql
from agent.offline.repair import repair_names
from agent.offline.summary import summarise_rows
from agent.offline.vocabulary import Vocabulary, load_vocabulary
from common import messages
from common.answering import Classification, Question, ResultSet, SqlDraft, SqlRequest, TrainedPair, Write
from common.business_schema import BusinessSchema

_ENOUGH = 0.6
_KEPT_SCHEMAS = 4
_NEAR = 0.35
_MOST_PAIRS = 20
_MOST_CHARACTERS = 2000


class _Engine:
    """What is built once for a schema."""

    def __init__(self, schema: BusinessSchema, vocabulary: Vocabulary) -> None:
        self.schema = schema
        self.composer = Composer(schema=schema, vocabulary=vocabulary)
        self.adapter = TemplateAdapter(self.composer)


class OfflineBrain:
    """A brain that retrieves and parses.

    Args:
        vocabulary: the language data; None reads the file beside the package.
        classifier_words: the classifier's data; None reads the file beside the package.
    """

    def __init__(
        self, *, vocabulary: Vocabulary | None = None, classifier_words: ClassifierWords | None = None
    ) -> None:
        self._vocabulary = vocabulary or load_vocabulary()
        self._classifier_words = classifier_words or load_classifier_words()
        self._engines: OrderedDict[int, _Engine] = OrderedDict()
        self._lock = threading.Lock()

    @cached_property
    def provenance(self) -> Mapping[str, object]:
        """Its version is a digest of its code and language data, since both decide what it answers."""
        files = sorted(path for path in Path(__file__).parent.iterdir() if path.suffix in (".py", ".yaml"))
        digest = hashlib.sha256(b"\0".join(path.read_bytes() for path in files))
        return {"model": "offline", "version": digest.hexdigest()[:16]}

    def on_behalf_of(self, question: Question) -> OfflineBrain:
        """Thinking here costs nobody anything."""
        return self

    async def classify(self, question: str, context: str, schema: BusinessSchema) -> Classification:
        """By rules over the schema's words; a follow-up of a data question is a data question."""
        engine = self._engine(schema)
        today = datetime.now(UTC).date()
        text = with_context(current_part(question)[:_MOST_CHARACTERS], context, engine.composer, today)
        return classify(text, words=self._classifier_words, scanner=engine.composer.scanner, today=today)

    async def write_sql(self, request: SqlRequest) -> SqlDraft:
        """SQL from a trained question or from the schema, or the reason why not."""
        return self._draft(request)

    async def repair_sql(self, request: SqlRequest, sql: str, error: str) -> SqlDraft:
        """The statement with unknown names put right, else a fresh composition when that differs, else the reason."""
        engine = self._engine(request.schema)
        if repaired := repair_names(sql, engine.composer.index):
            return SqlDraft(sql=repaired)
        if _is_too_long(request):
            return SqlDraft(explanation=messages.OFFLINE_CANNOT_REPAIR, reason="syntax_repair_failed")
        fresh = engine.composer.compose(self._question(request, engine), request.today)
        if fresh.confidence >= _ENOUGH and fresh.sql != sql:
            return SqlDraft(sql=fresh.sql)
        return SqlDraft(explanation=messages.OFFLINE_CANNOT_REPAIR, reason="syntax_repair_failed")

    async def write_question(self, sql: str) -> str:
        """A question told by the Chinese names in `sql`; empty when they do not say what it is about."""
        return question_from_sql(sql)

    async def summarise(self, question: str, result: ResultSet, *, write: Write | None = None) -> str:
        """What the rows show."""
        return summarise_rows(result)

    async def chat(self, question: str, context: str, *, write: Write | None = None) -> str:
        """A greeting or an account of what this can do; anything else needs a language model, and that is said."""
        text = normalise(current_part(question))
        tables = self._table_names()
        about = messages.OFFLINE_CHAT_TABLES.format(tables=tables) if tables else ""
        if any(contains(text, word) for word in ("谢谢", "感谢", "thanks", "thank you")):
            return messages.OFFLINE_CHAT_THANKS
        if any(contains(text, word) for word in ("再见", "拜拜", "bye", "goodbye")):
            return messages.OFFLINE_CHAT_BYE
        if any(contains(text, word) for word in self._classifier_words.chat):
            return messages.OFFLINE_CHAT_GREETING + about
        return messages.OFFLINE_CHAT_NEEDS_MODEL + about

    def _engine(self, schema: BusinessSchema) -> _Engine:
        key = id(schema)
        with self._lock:
            engine = self._engines.get(key)
            if engine is None or engine.schema is not schema:
                engine = _Engine(schema, self._vocabulary)
                self._engines[key] = engine
            self._engines.move_to_end(key)
            while len(self._engines) > _KEPT_SCHEMAS:
                self._engines.popitem(last=False)
            return engine

    def _table_names(self) -> str:
        with self._lock:
            engine = next(reversed(self._engines.values()), None)
        if engine is None:
            return ""
        return "、".join(table.concept for table in engine.composer.index.tables[:12])

    def _question(self, request: SqlRequest, engine: _Engine) -> str:
        return with_context(current_part(request.question), request.context, engine.composer, request.today)

    def _draft(self, request: SqlRequest) -> SqlDraft:
        if _is_too_long(request):
            return _refused("ambiguous_question", "")
        engine = self._engine(request.schema)
        question = self._question(request, engine)
        wrong = {_plain(pair.sql) for pair in request.wrong_pairs}
        pairs = [pair for pair in request.pairs[:_MOST_PAIRS] if _plain(pair.sql) not in wrong]
        adapted = engine.adapter.adapt(question, request.today, pairs)
        composed = engine.composer.compose(question, request.today)
        return _arbitrate(adapted, composed, wrong)


def _is_too_long(request: SqlRequest) -> bool:
    """Reading takes time with every character; a question of pages is not one that could be answered here."""
    return len(current_part(request.question)) > _MOST_CHARACTERS


def _arbitrate(adapted: Adapted | None, composed: Composed, wrong: set[str]) -> SqlDraft:
    """The more confident of the two; SQL known to be wrong is never given again."""
    if adapted and adapted.confidence >= max(_ENOUGH, composed.confidence - 0.2) and _plain(adapted.sql) not in wrong:
        return SqlDraft(sql=adapted.sql, based_on=_records(adapted.pair))
    if composed.confidence >= _ENOUGH and _plain(composed.sql) not in wrong:
        return SqlDraft(sql=composed.sql)
    if composed.refusal is not None:
        return _refused(composed.refusal.reason, composed.refusal.about)
    return _refused("unknown_generation_failure", "")


def _records(pair: TrainedPair) -> tuple[str, ...]:
    return (pair.record_id,) if pair.record_id else ()


def _refused(reason: str, about: str) -> SqlDraft:
    texts = {
        "missing_database_info": messages.OFFLINE_MISSING,
        "ambiguous_question": messages.OFFLINE_AMBIGUOUS,
        "unknown_generation_failure": messages.OFFLINE_NOT_UNDERSTOOD,
    }
    text = texts.get(reason, messages.OFFLINE_NOT_UNDERSTOOD)
    if about:
        text += messages.OFFLINE_ABOUT.format(words=about[:80])
    return SqlDraft(explanation=text, reason=reason)


def _plain(sql: str) -> str:
    return re.sub(r"\s+", " ", sql.strip().rstrip(";")).casefold()
