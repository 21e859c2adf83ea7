"""One spelling for questions and names: folding, tokens, English base forms and the keys both are compared by.

A key is the concatenation of the base forms of a run of tokens, so that `check-ins`, `check ins` and `checkin` or
`joindate` and `join date` are the same name. Chinese characters are tokens of their own.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_PUNCTUATION = str.maketrans(
    {
        "。": ".", "、": ",", "《": '"', "》": '"', "【": '"', "】": '"', "「": '"', "」": '"', "『": '"', "』": '"',
        "“": '"', "”": '"', "‘": "'", "’": "'", "`": '"', "—": "-", "–": "-", "−": "-", "～": "~", "…": ".", "·": " ",
    }
)  # fmt: skip
_TOKEN = re.compile(r"[a-z\u00c0-\u024f]+|\d+(?:\.\d+)?|[\u3400-\u9fff]|\S")
_THOUSANDS = re.compile(r"(?<![\d.])(\d{1,3}(?:,\d{3})+)(?![\d,])")
_POSSESSIVE = re.compile(r"(?<=[a-z])'s(?![a-z])")
_CJK = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[a-z\u00c0-\u024f]")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNCHANGED = (
    "address as bonus bus canvas criterion data dns does gas"
    " gps has his ios is its lens less news os"
    " plus pos series sms species status this us was yes"
)
_IRREGULAR = {word: word for word in _UNCHANGED.split()} | {
    "people": "person",
    "men": "man",
    "women": "woman",
    "children": "child",
    "feet": "foot",
    "mice": "mouse",
    "indices": "index",
    "statuses": "status",
    "buses": "bus",
    "analyses": "analysis",
    "criteria": "criterion",
    "movies": "movie",
    "cookies": "cookie",
    "addresses": "address",
}
_SEPARATORS = frozenset("_-'")


@dataclass(frozen=True)
class Word:
    """One token of a text: its base form, and where it stands in the folded text."""

    text: str
    base: str
    start: int
    end: int

    @property
    def is_cjk(self) -> bool:
        return bool(_CJK.match(self.text))

    @property
    def is_latin(self) -> bool:
        return bool(_LATIN.match(self.text))

    @property
    def is_number(self) -> bool:
        return self.text[0].isdigit()

    @property
    def is_separator(self) -> bool:
        """True for a sign that may stand inside a name and says nothing."""
        return self.text in _SEPARATORS


def fold(text: str) -> str:
    """Lower case, one width, one kind of punctuation, no thousands separators, no English possessive ending.

    White space is one blank, so that no pattern meets a run of it.
    """
    plain = unicodedata.normalize("NFKC", text.translate(_PUNCTUATION)).translate(_PUNCTUATION).casefold()
    plain = _POSSESSIVE.sub("", plain)
    plain = _THOUSANDS.sub(lambda match: match[1].replace(",", ""), plain)
    return " ".join(plain.split())


def words_of(folded: str) -> list[Word]:
    """The tokens of a folded text, white space left out."""
    return [Word(m[0], base_form(m[0]), m.start(), m.end()) for m in _TOKEN.finditer(folded)]


@functools.lru_cache(maxsize=50_000)
def base_form(word: str) -> str:
    """The singular of an English noun; other words are unchanged. Applied alike to names and questions."""
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if len(word) < 3 or not word.isascii() or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y" if len(word) > 4 else word[:-1]
    if word.endswith(("xes", "ches", "shes", "sses", "zes")):
        return word[:-2]
    return word[:-1]


def key_of(words: Iterable[Word]) -> str:
    """What a run of tokens is compared by."""
    return "".join(word.base for word in words if not word.is_separator)


@functools.lru_cache(maxsize=200_000)
def key(text: str) -> str:
    """The key of a whole text, however it is written."""
    return key_of(words_of(fold(text)))


def has_cjk(text: str) -> bool:
    """True when `text` has a Chinese character."""
    return bool(_CJK.search(text))


def is_english(text: str) -> bool:
    """True when a question has Latin words and no Chinese character outside quotation marks."""
    bare = re.sub(r'"[^"]*"', "", fold(text))
    latin = len(re.findall(r"[a-z\u00c0-\u024f]{2,}", bare))
    return latin > 0 and (not has_cjk(bare) or latin > 2 * len(re.findall(r"[\u3400-\u9fff]+", bare)))


def identifier_words(name: str) -> list[str]:
    """The words of an identifier, lower case: `sbTxAmount` and `sb_tx_amount` give `sb`, `tx`, `amount`."""
    parts = re.split(r"[\s_\-./$#]+", _CAMEL.sub(" ", name))
    return [part.casefold() for part in parts if part]


def common_prefix(texts: Sequence[str]) -> str:
    """The longest beginning all texts share; empty for fewer than two texts."""
    if len(texts) < 2:
        return ""
    first, last = min(texts), max(texts)
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:length]
