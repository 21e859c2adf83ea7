"""Cuts a question into tokens: the cheapest way through all phrases that the schema, the grammar and the calendar know.

A token keeps everything its phrase may mean; the reader decides. No phrase begins or ends inside a Latin word, and
text nothing knows stays together with the particles around it, so that a half of a word is never taken for a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache

from offline.figure_pairs import crossed, is_part_of
from offline.links import Link, LinkIndex
from offline.name_parts import NamePart, PartOfName, parts_of_names
from offline.numbers import number_at
from offline.periods import Period
from offline.text import Word, fold, has_cjk, key, key_of, words_of
from offline.time_grammar import Clock, TimeGrammar
from offline.vocabulary import Adjective, Derived

_MOST_WORDS = 1200
_LONGEST_RUN = 40
_QUOTED = re.compile(r'"([^"]{1,80})"|(?<![a-z0-9])\'([^\'"]{1,80})\'(?![a-z0-9])')
_RAW_QUOTED = re.compile(
    r"[\"“”「『《]([^\"“”「」『』《》]{1,80})[\"“”」』》]|(?<![A-Za-z0-9])['‘’`]([^'‘’`\"]{1,80})['’‘`](?![A-Za-z0-9])"
)
_AMOUNTS = frozenset({"金额", "总额", "总金额"})
_FILLER = frozenset({"filler"})
_BREAKS = frozenset(".?!;,")
_SURE_TABLE = 0.5
_SURE_NAME = 0.8
_MOST_PAIRED = 6
_COLUMN_WORDS = 6
_AHEAD = 0.01
_UNKNOWN_WORD, _UNKNOWN_CHARACTER = 3.0, 2.2

_KNOWN_QUESTIONS = 256


@dataclass(frozen=True)
class Token:
    """A piece of the question with all it may mean.

    `names` are tables, columns, flags and members; `values` stored values; `tags` what the grammar says of it;
    `literal` is the original text between quotation marks, or what a name must contain, start or end with
    (`name_part`). `taken_for` is the name of the schema that an unknown word
    was taken for because it is near in meaning.
    """

    text: str
    start: int
    end: int
    tags: frozenset[str] = frozenset()
    names: tuple[Link, ...] = ()
    values: tuple[Link, ...] = ()
    adjectives: tuple[Adjective, ...] = ()
    derived: Derived | None = None
    period: Period | None = None
    number: Decimal | None = None
    is_percent: bool = False
    literal: str = ""
    name_part: NamePart | None = None
    is_unknown: bool = False
    is_corrected: bool = False
    taken_for: str = ""

    def has(self, *tags: str) -> bool:
        return not self.tags.isdisjoint(tags)

    @property
    def is_link(self) -> bool:
        return bool(self.names or self.values)

    @property
    def is_filler(self) -> bool:
        """Only a particle: it says nothing and means nothing in this schema."""
        return self.tags == {"filler"} and not self.is_link and self.number is None and self.period is None

    @property
    def is_break(self) -> bool:
        return self.text in _BREAKS


@dataclass
class _Best:
    cost: float
    token: Token | None = None
    previous: int = -1


@dataclass(frozen=True)
class _Quotes:
    """Runs of words between quotation marks: start -> (end, original text); phrases that say how a name is written."""

    runs: dict[int, tuple[int, str]] = field(default_factory=dict)
    name_parts: dict[int, PartOfName] = field(default_factory=dict)


class Tokeniser:
    """Cuts questions against one index."""

    def __init__(self, index: LinkIndex, times: TimeGrammar) -> None:
        self._index = index
        self._times = times
        self._vocabulary = index.vocabulary
        self._known_tokens = lru_cache(_KNOWN_QUESTIONS)(self._cut)

    def tokens(self, question: str, clock: Clock) -> list[Token]:
        """The tokens in order, fillers and unknown text included; a text is cut once, trained questions too."""
        return list(self._known_tokens(question, clock))

    def _cut(self, question: str, clock: Clock) -> tuple[Token, ...]:
        text = fold(question)
        words = words_of(text)[:_MOST_WORDS]
        quotes = _quotes(question, text, words)
        best: list[_Best] = [_Best(0.0)] + [_Best(float("inf")) for _ in words]
        years: list[int | None] = [clock.assumed_year] * (len(words) + 1)
        days: list[date | None] = [None] * (len(words) + 1)
        for start in range(len(words)):
            if best[start].cost == float("inf"):
                continue
            here = replace(clock, assumed_year=years[start], day_before=days[start])
            for token, cost in self._candidates(text, words, start, here, quotes):
                if best[start].cost + cost < best[token.end].cost:
                    best[token.end] = _Best(best[start].cost + cost, token, start)
                    stated = token.period.stated_year if token.period else None
                    years[token.end] = stated or years[start]
                    days[token.end] = _stated_day(token) or days[start]
        return tuple(self._in_schema(self._with_joined_figures(_merged(_back_track(best)))))

    def _in_schema(self, tokens: list[Token]) -> list[Token]:
        """`orders in the archive`: the name of a schema chooses among tables and columns, and says nothing else."""
        schemas = self._index.schemas
        for place, token in enumerate(tokens):
            schema = schemas.get(key(token.text), "")
            others = [other for number, other in enumerate(tokens) if number != place]
            if not schema or token.values or not any(_lies_in(link, schema) for o in others for link in o.names):
                continue
            chosen = [replace(other, names=_within(other.names, schema)) for other in tokens]
            chosen[place] = Token(token.text, token.start, token.end, _FILLER)
            return chosen
        return tokens

    def _with_joined_figures(self, tokens: list[Token]) -> list[Token]:
        """Two figures that together name a third: 微信的订单量 is the number of orders paid so.

        The first stays when its own amount is asked for too: 微信的订单量和金额.
        """
        result = list(tokens)
        first: int | None = None
        for place, token in enumerate(tokens):
            if not _is_figure(token):
                first = first if _joins_figures(token) else None
                continue
            if first is not None:
                if (place == first + 1 and _is_whole_of(tokens[first], token)) or _says_again(result[first], token):
                    result[place] = Token(token.text, token.start, token.end, _FILLER)
                    continue
                names = self._joined_names(tokens[first], token) or self._crossed_names(tokens[first], token)
                if names:
                    result[place] = replace(token, names=names, text=tokens[first].text + token.text)
                    asks_both = any(t.text in _AMOUNTS for t in tokens[place + 1 :])
                    result[first] = (
                        tokens[first]
                        if asks_both
                        else Token(tokens[first].text, tokens[first].start, tokens[first].end, _FILLER)
                    )
            first = place
        return result

    def _joined_names(self, first: Token, second: Token) -> tuple[Link, ...]:
        for text in (first.text, first.text.removesuffix("支付")):
            found = self._index.names.get(key(text + second.text), ())
            names = tuple(
                link for link in found if link.field is not None and link.field.is_measure and link.score >= 0.7
            )
            if names:
                return names
        return ()

    def _crossed_names(self, first: Token, second: Token) -> tuple[Link, ...]:
        """The orders that were paid in cash: the column whose name joins those of both."""
        one_way = ((a, b) for a in first.names[:_MOST_PAIRED] for b in second.names[:_MOST_PAIRED])
        for link, other in (pair for a, b in one_way for pair in ((a, b), (b, a))):
            if link.field is None or other.field is None or link.relation is not other.relation:
                continue
            if item := crossed(link.relation, link.field, other.field):
                return (replace(link, field=item, score=1.0, reason="the names of two columns joined"),)
        return ()

    def _candidates(
        self, text: str, words: Sequence[Word], start: int, clock: Clock, quotes: _Quotes
    ) -> list[tuple[Token, float]]:
        found: list[tuple[Token, float]] = []
        part = quotes.name_parts.get(start)
        if part is not None and (not part.needs_column or self._follows_column(words, start)):
            said = text[words[start].start : words[part.end - 1].end]
            stored = tuple(self._index.values.get(key(part.value), ()))
            found.append((Token(said, start, part.end, values=stored, literal=part.value, name_part=part.test), 0.2))
        if start in quotes.runs:
            end, raw = quotes.runs[start]
            inner = key_of(words[start + 1 : end - 1])
            known = self._known(text, words, start, end, inner)
            token = known or Token(raw, start, end)
            found.append((replace(token, literal=raw, text=raw), 0.3))
        found += self._times_at(text, words, start, clock)
        found += self._numbers_at(text, words, start)
        found += self._phrases_at(text, words, start)
        word = words[start]
        unknown = Token(word.text, start, start + 1, is_unknown=True)
        found.append((unknown, _UNKNOWN_CHARACTER if word.is_cjk else _UNKNOWN_WORD))
        return found

    def _follows_column(self, words: Sequence[Word], start: int) -> bool:
        """Whether the name of a column of texts, which is not a table's name too, stands right before a place."""
        phrases = [key_of(words[first:start]) for first in range(max(0, start - _COLUMN_WORDS), start)]
        links = [link for phrase in phrases for link in self._index.names.get(phrase, ()) if link.score >= _SURE_NAME]
        is_text = any(link.field is not None and link.field.kind == "text" for link in links)
        return is_text and not any(link.kind == "table" for link in links)

    def _times_at(self, text: str, words: Sequence[Word], start: int, clock: Clock) -> list[tuple[Token, float]]:
        parsed = self._times.parse(text, words[start].start, clock)
        if parsed is None:
            return []
        end = _word_after(words, start, parsed[1])
        if end is None:
            return []
        return [(Token(text[words[start].start : words[end - 1].end], start, end, period=parsed[0]), 0.85)]

    @staticmethod
    def _numbers_at(text: str, words: Sequence[Word], start: int) -> list[tuple[Token, float]]:
        parsed = number_at(text, words[start].start)
        if parsed is None:
            return []
        end = _word_after(words, start, parsed[2])
        if end is None:
            return []
        token = Token(text[words[start].start : words[end - 1].end], start, end, number=parsed[0], is_percent=parsed[1])
        return [(token, 1.0 if words[start].is_number else 1.45)]

    def _phrases_at(self, text: str, words: Sequence[Word], start: int) -> list[tuple[Token, float]]:
        found: list[tuple[Token, float]] = []
        phrase = ""
        for end in range(start + 1, min(len(words), start + _LONGEST_RUN) + 1):
            word = words[end - 1]
            if word.is_separator:
                if end == start + 1:
                    if self._vocabulary.tags.get(word.text):
                        found.append((Token(word.text, start, end, frozenset({"filler"})), 1.0))
                    return found
                continue
            phrase += word.base
            if len(phrase) > self._index.longest:
                break
            if token := self._known(text, words, start, end, phrase):
                found.append((token, _cost(token)))
        return found

    def _resolvable(self, phrase: str) -> Derived | None:
        """A derived figure both of whose parts this schema has."""
        derived = self._vocabulary.derived.get(phrase)
        if derived is None or not self._names_of(derived):
            return None
        return derived

    def _names_of(self, derived: Derived) -> tuple[Link, ...]:
        """Links to the figure that is divided by, or for a whole derived figure to what is divided."""
        upper = self._figures(derived.upper) if derived.upper else ()
        lower = self._figures(derived.lower)
        if not derived.upper:
            return lower
        relations = {link.relation.number for link in lower}
        return tuple(link for link in upper if link.relation.number in relations)

    def _figures(self, phrases: tuple[str, ...]) -> tuple[Link, ...]:
        for phrase in phrases:
            found = [
                link for link in self._index.names.get(phrase, ()) if link.field is not None and link.field.is_measure
            ]
            if found:
                best = max(link.score for link in found)
                return tuple(link for link in found if link.score >= best - 0.05)
        return ()

    def _tags(self, phrase: str, plain: str, words: Sequence[Word]) -> frozenset[str]:
        """`orders by status` counts orders, whatever `order by` says."""
        tags = self._vocabulary.tags.get(phrase) or self._vocabulary.tags.get(plain, frozenset())
        return frozenset() if tags and len(words) > 1 and self._is_plural_table(words[0]) else tags

    def _is_plural_table(self, word: Word) -> bool:
        is_plural = word.text != word.base and word.text.endswith("s")
        return is_plural and any(
            link.kind == "table" and link.score >= _SURE_TABLE for link in self._index.names.get(word.base, ())
        )

    def _known(self, text: str, words: Sequence[Word], start: int, end: int, phrase: str) -> Token | None:
        names = self._index.names.get(phrase, ())
        values = self._index.values.get(phrase, ())
        plain = text[words[start].start : words[end - 1].end]
        tags = self._tags(phrase, plain, words[start:end])
        adjectives = self._vocabulary.adjectives.get(phrase, ())
        derived = self._resolvable(phrase)
        if derived is not None and not names:
            return Token(plain, start, end, derived=derived, names=self._names_of(derived))
        if not (names or values or tags or adjectives):
            return None
        if end == start + 1 and not tags and len(phrase) == 1 and not has_cjk(phrase):
            return None
        ranked = _totals_first(tuple(sorted(names, key=lambda link: -link.score)))
        return Token(plain, start, end, tags, ranked, tuple(values), adjectives)


def _stated_day(token: Token) -> date | None:
    """The last day of the calendar that was said: in 10月1日和2日 it tells the month of the second."""
    start = token.period.start if token.period is not None else None
    return start.day if start is not None else None


def _says_again(first: Token, second: Token) -> bool:
    """微信订单有多少笔: the word for counting asks for the count that was just named."""
    one, other = first.names[0], second.names[0]
    if not second.has("count") or one.field is None or other.field is None or one.relation is not other.relation:
        return False
    return is_part_of(one.field, other.field)


def _totals_first(names: tuple[Link, ...]) -> tuple[Link, ...]:
    """Of several columns that a word fits equally, the total is meant before its parts."""
    if len(names) < 2 or names[0].field is None or names[1].score < names[0].score:
        return names
    top = names[0].field
    for place, link in enumerate(names):
        if link.relation is names[0].relation and link.field is not None and is_part_of(top, link.field):
            total = replace(link, score=names[0].score + _AHEAD)
            return (total, *names[:place], *names[place + 1 :])
    return names


def _joins_figures(token: Token) -> bool:
    """Whether a word may stand between the two figures of one name: particles, times, `were paid`."""
    is_said = token.is_link and "filler" not in token.tags
    says_nothing = bool(token.tags or token.adjectives) and token.tags <= {"filler", "equal"} and not is_said
    return token.is_filler or token.period is not None or (says_nothing and token.number is None)


def _is_whole_of(part: Token, whole: Token) -> bool:
    """WeChat revenue: the second noun is the total that the first is a part of."""
    one, other = part.names[0], whole.names[0]
    if one.field is None or other.field is None or one.relation is not other.relation:
        return False
    return is_part_of(one.field, other.field)


def _lies_in(link: Link, schema: str) -> bool:
    return link.kind == "table" and link.relation.members[0].schema == schema


def _within(names: tuple[Link, ...], schema: str) -> tuple[Link, ...]:
    """The links into a schema where there are any, else all of them."""
    return tuple(link for link in names if link.relation.members[0].schema == schema) or names


def _is_figure(token: Token) -> bool:
    is_particle = "filler" in token.tags and bool(token.names) and token.names[0].score < _SURE_NAME
    has_figure = bool(token.names) and token.names[0].field is not None and token.names[0].field.is_measure
    return has_figure and not is_particle


def _cost(token: Token) -> float:
    """What a token costs on the way: sure phrases little, particles and lone characters more."""
    sure = max((link.score for link in (*token.names, *token.values) if not link.needs_column), default=0.0)
    costs = [0.95 + 0.7 * (1 - sure)] if sure else []
    costs += [1.0] if token.tags - {"filler"} or token.adjectives else []
    costs += [1.05] if "filler" in token.tags else []
    is_lone = len(token.text) == 1 and has_cjk(token.text)
    return min(costs, default=1.6) + (0.45 if is_lone else 0.0)


def _word_after(words: Sequence[Word], start: int, end: int) -> int | None:
    """The number of the word after a run that ends at a place of the text; None when the place is inside a word."""
    for number in range(start, len(words)):
        if words[number].end == end:
            return number + 1
        if words[number].end > end:
            return number if words[number].start >= end and number > start else None
    return None


def _back_track(best: list[_Best]) -> list[Token]:
    tokens: list[Token] = []
    place = len(best) - 1
    while place > 0 and best[place].token is not None:
        token = best[place].token
        assert token is not None  # noqa: S101 - checked by the loop
        tokens.append(token)
        place = best[place].previous
    return list(reversed(tokens))


def _merged(tokens: list[Token]) -> list[Token]:
    """Neighbouring unknown Chinese characters are one word, with the lone particles they stand against."""
    result: list[Token] = []
    for token in tokens:
        last = result[-1] if result else None
        if last is not None and _is_cjk_unknown(last) and _is_cjk_unknown(token) and last.end == token.start:
            result[-1] = replace(last, text=last.text + token.text, end=token.end)
        else:
            result.append(token)
    return result


def _is_cjk_unknown(token: Token) -> bool:
    return token.is_unknown and has_cjk(token.text)


def _quotes(question: str, text: str, words: Sequence[Word]) -> _Quotes:
    """Quoted runs of the folded text with their original spelling, matched in order."""
    raw = [match[1] or match[2] for match in _RAW_QUOTED.finditer(question)]
    folded = {fold(item).strip(): item for item in raw}
    runs: dict[int, tuple[int, str]] = {}
    for match in _QUOTED.finditer(text):
        inner = (match[1] or match[2]).strip()
        start = next((i for i, word in enumerate(words) if word.start >= match.start()), None)
        end = next((i for i, word in enumerate(words) if word.end >= match.end()), None)
        if start is not None and end is not None and end > start and inner:
            runs[start] = (end + 1, folded.get(inner, inner).strip())
    return _Quotes(runs, parts_of_names(text, words))
