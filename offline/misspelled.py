"""Unknown words that are a name of the schema with one mistake: a letter wrong, missing, added, or two swapped.

A name that is put right is told to the user. One other Chinese character makes another word (订单总额, 订单总数), so a
Chinese name is put right only where two characters are swapped, and a stored value also where the mistake is in an
ending that many values share. A word of the general vocabulary is never taken for a mistake. What is less certain is
left unknown: the question is refused, and the name is suggested.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Final

from offline.links import Link, LinkIndex
from offline.text import has_cjk, key
from offline.tokens import Token

_LEAST_CHINESE, _LEAST_LATIN, _LONGEST = 3, 6, 24
_MOST_NAMES: Final = 20_000
_MOST_TOKENS_BESIDE: Final = 3
_SURE: Final = 0.7
_STRENGTH: Final = 0.95


class Misspelled:
    """Finds names one mistake away; safe for many threads once built, which the first unknown word does."""

    def __init__(self, index: LinkIndex) -> None:
        self._index = index

    def corrected(self, tokens: Sequence[Token]) -> list[Token]:
        """The tokens with each run around an unknown word that is one mistake from one name made that name."""
        result = list(tokens)
        place = 0
        while place < len(result):
            if result[place].is_unknown and (found := self._found(result, place)):
                first, last, token = found
                result[first:last] = [token]
                place = first
            place += 1
        return result

    def _found(self, tokens: Sequence[Token], place: int) -> tuple[int, int, Token] | None:
        """The longest run around a place that is nearly a name."""
        for first, last in _runs(tokens, place):
            text = "".join(key(token.text) for token in tokens[first:last])
            name = self._name(text)
            if name:
                said = ("" if has_cjk(text) else " ").join(token.text for token in tokens[first:last])
                return first, last, self._token(said, name, tokens[first].start, tokens[last - 1].end)
        return None

    def _name(self, text: str) -> str:
        """The one name that is a mistake away from a text; empty when there is none or more than one meaning."""
        if not _may_be_name(text) or text in self._index.vocabulary.synonyms:
            return ""
        near = {name for form in _forms(text) for name in self._by_form.get(form, ()) if _is_one_mistake(text, name)}
        sure = [name for name in sorted(near) if self._is_sure(text, name)]
        meanings = {frozenset(self._meanings(name)) for name in near}
        return sure[0] if sure and len(meanings) == 1 else ""

    def _is_sure(self, text: str, name: str) -> bool:
        if not has_cjk(text) or sorted(text) == sorted(name):
            return True
        return name not in self._index.names and _differs_in_ending(text, name, self._endings)

    def _meanings(self, name: str) -> Iterable[object]:
        links = self._index.names.get(name) or self._index.values.get(name) or []
        return [link.value or link.field or link.relation for link in links if link.score >= _SURE]

    def _token(self, said: str, name: str, start: int, end: int) -> Token:
        names = tuple(_weaker(link) for link in sorted(self._index.names.get(name, ()), key=lambda link: -link.score))
        values = () if names else tuple(_weaker(link) for link in self._index.values.get(name, ()))
        first = (names or values)[0]
        title = first.value or (first.field.title if first.field is not None else first.relation.title)
        return Token(said, start, end, names=names, values=values, is_corrected=True, taken_for=title)

    @cached_property
    def _by_form(self) -> dict[str, list[str]]:
        """Names by themselves and by themselves without one of their characters."""
        found: dict[str, list[str]] = defaultdict(list)
        for number, name in enumerate(self._known()):
            if number >= _MOST_NAMES:
                break
            for form in _forms(name):
                found[form].append(name)
        return found

    def _known(self) -> Iterator[str]:
        for source in (self._index.names, self._index.values):
            for name, links in source.items():
                least = _LEAST_CHINESE if has_cjk(name) else _LEAST_LATIN
                is_whole = any(link.score >= _SURE and not link.is_partial for link in links)
                if least <= len(name) <= _LONGEST and is_whole and not name.isdigit():
                    yield name

    @cached_property
    def _endings(self) -> frozenset[str]:
        """The last two to four characters that several stored values have alike."""
        counts: dict[str, int] = defaultdict(int)
        for name in self._index.values:
            if has_cjk(name):
                for length in (2, 3, 4):
                    if len(name) > length:
                        counts[name[-length:]] += 1
        return frozenset(ending for ending, count in counts.items() if count >= _MOST_TOKENS_BESIDE)


def _may_be_name(text: str) -> bool:
    least = _LEAST_CHINESE if has_cjk(text) else _LEAST_LATIN
    return least <= len(text) <= _LONGEST and not any(character.isdigit() for character in text)


def _weaker(link: Link) -> Link:
    return replace(link, score=link.score * _STRENGTH, reason="one mistake away", needs_column=False)


def _runs(tokens: Sequence[Token], place: int) -> list[tuple[int, int]]:
    """Runs of tokens around a place without a time or a number, the longest first."""
    first = place
    while first > 0 and place - first < _MOST_TOKENS_BESIDE and _may_be_part(tokens[first - 1]):
        first -= 1
    last = place + 1
    while last < len(tokens) and last - place <= _MOST_TOKENS_BESIDE and _may_be_part(tokens[last]):
        last += 1
    runs = [(start, end) for start in range(first, place + 1) for end in range(place + 1, last + 1)]
    return sorted(runs, key=lambda run: (run[0] - run[1], run[0]))


def _may_be_part(token: Token) -> bool:
    return token.number is None and token.period is None and not token.literal and not token.is_break


def _forms(text: str) -> set[str]:
    return {text, *(text[:place] + text[place + 1 :] for place in range(len(text)))}


def _is_one_mistake(text: str, name: str) -> bool:
    """Whether one character was changed, left out or added, or two neighbours changed places."""
    if text == name or abs(len(text) - len(name)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(text, name, strict=False)) if a != b), min(len(text), len(name)))
    rest, other = text[start:], name[start:]
    is_swapped = len(rest) > 1 and len(other) > 1 and rest[:2] == other[1::-1] and rest[2:] == other[2:]
    return rest[1:] == other[1:] or rest[1:] == other or rest == other[1:] or is_swapped


def _differs_in_ending(text: str, name: str, endings: frozenset[str]) -> bool:
    """Whether everything before an ending that many values share is as it should be."""
    return any(
        name.endswith(ending) and len(ending) < len(name) and text.startswith(name[: -len(ending)])
        for ending in endings
    )
