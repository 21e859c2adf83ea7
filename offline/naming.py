"""What people call a table or a column: its name's words, its comment, both without their endings, and synonyms.

Every name comes with a strength 0..1 and a reason, so that a link can say why it was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from offline.legends import legend_of
from offline.text import fold, has_cjk, key
from offline.vocabulary import Vocabulary

_BRACKETS = re.compile(r"[(（\[【]([^()（）\[\]【】]*)[)）\]】]")
_SEPARATORS = re.compile(r"[、,，/|;；]|(?<!\s)\s++或\s*|以及")
_LONGEST = 16
COUNT_OF = "a number of what its name says"
_MOST_NAMES = 600


@dataclass(frozen=True)
class Comment:
    """`headline` is what a comment calls its column, `synonyms` the words in brackets behind it."""

    headline: str = ""
    synonyms: tuple[str, ...] = ()


@dataclass
class Names:
    """Names by key with the strongest strength and its reason."""

    found: dict[str, tuple[float, str]] = field(default_factory=dict)

    def add(self, name: str, strength: float, reason: str) -> None:
        named = key(name)
        is_long_enough = len(named) >= 2 or (bool(named) and has_cjk(named) and strength >= 0.95)
        if is_long_enough and strength > self.found.get(named, (0.0, ""))[0]:
            self.found[named] = (strength, reason)

    def items(self) -> Iterator[tuple[str, float, str]]:
        return ((name, strength, reason) for name, (strength, reason) in self.found.items())


def read_comment(comment: str) -> Comment:
    """Headline and bracketed synonyms; what follows a colon or full stop explains and is left out."""
    headline = re.split(r"[:：。;；\n]", legend_of(comment.strip())[0], maxsplit=1)[0]
    head = re.split(r"[，,]", _BRACKETS.sub("", headline), maxsplit=1)[0].strip()
    if len(head) > 40:
        return Comment()
    inside = [part.strip() for group in _BRACKETS.findall(headline) for part in _SEPARATORS.split(group)]
    return Comment(head, tuple(part for part in inside if 2 <= len(part) <= _LONGEST and "=" not in part))


def table_names(stem: tuple[str, ...], name: str, comment: Comment, vocabulary: Vocabulary) -> Names:
    """Every name of a table."""
    names = Names()
    names.add(name, 1.0, "its name")
    names.add(" ".join(stem), 0.98, "its name without the prefix all tables share")
    names.add(_expanded(stem, vocabulary), 0.93, "its name with abbreviations written out")
    names.add(comment.headline, 1.0, "its comment")
    for synonym in comment.synonyms:
        names.add(synonym, 0.96, "a synonym in its comment")
    for text in (name if has_cjk(name) else "", comment.headline, *comment.synonyms):
        bare = _without(_without_beginning(text, vocabulary), vocabulary.endings("table_endings"))
        is_part = any(has_cjk(e) and fold(text).endswith(e) for e in vocabulary.endings("part_endings"))
        names.add(bare, 0.65 if is_part else 0.92, "its name without what tables are called")
        _add_tails(names, fold(text), vocabulary)
    if len(stem) > 1:
        bare_words = [word for word in stem if key(word) not in vocabulary.names("table_endings")]
        names.add(" ".join(bare_words), 0.92, "its name without what tables are called")
        names.add(stem[-1], 0.55, "the last word of its name")
        if key(stem[-1]) in vocabulary.names("category_endings"):
            names.add(" ".join(stem[:-1]), 0.7, "what it has the kinds of")
    _add_synonyms(names, [" ".join(stem), comment.headline, *comment.synonyms], vocabulary, limit=0.9)
    return names


def _add_tails(names: Names, text: str, vocabulary: Vocabulary, strength: float = 0.82) -> None:
    """销售订单 is told as 订单: the known noun that a Chinese name ends with."""
    for start in range(2, len(text) - 1) if has_cjk(text) else ():
        if text[start:] in vocabulary.nouns:
            names.add(text[start:], strength, "the noun its name ends with")


def column_names(
    column: str, stem: tuple[str, ...], table: Iterable[str], comment: Comment, vocabulary: Vocabulary
) -> Names:
    """Every name of a column; `table` are the names its table goes by, which may stand before it."""
    names = Names()
    plain = " ".join(stem)
    expanded = _expanded(stem, vocabulary)
    names.add(column, 1.0, "its name")
    names.add(plain, 0.97, "its name without the prefix its table's columns share")
    names.add(expanded, 0.92, "its name with abbreviations written out")
    names.add(comment.headline, 1.0, "its comment")
    names.add(_BRACKETS.sub("", column), 0.98, "its name without the unit in brackets")
    for synonym in comment.synonyms:
        names.add(synonym, 0.96, "a synonym in its comment")
    bases = [text for text in dict.fromkeys([plain, expanded, comment.headline, _BRACKETS.sub("", column)]) if text]
    for text in bases:
        _add_without_beginning(names, text, vocabulary)
        _add_without_endings(names, text, vocabulary)
        nouns = [_label_noun(text, vocabulary)]
        _add_synonyms(names, [noun for noun in nouns if noun], vocabulary, limit=0.8)
    for owner in table:
        rests = _add_owned(names, owner, plain, expanded, comment, bases)
        _add_synonyms(names, rests, vocabulary, limit=0.8)
    for text in bases:
        _add_tails(names, fold(text), vocabulary, 0.72)
    if not has_cjk(plain):
        names.add(f"{plain} id", 0.75, "its name said with id")
        names.add(f"{plain} name", 0.75, "its name said with name")
    if len(stem) > 1:
        names.add(stem[-1], 0.55, "the last word of its name")
        names.add(" ".join(stem[:-1]), 0.5, "its name without the last word")
    if len(stem) == 2:
        names.add(f"{stem[1]} of {stem[0]}", 0.9, "its name turned round")
    _add_synonyms(names, [*bases, *comment.synonyms], vocabulary, limit=0.88)
    return names


def _add_owned(
    names: Names, owner: str, plain: str, expanded: str, comment: Comment, bases: Iterable[str]
) -> list[str]:
    """What a column is called with its table's name before it, and without it; returns the latter."""
    rests: list[str] = []
    names.add(f"{owner} {plain}", 0.95, "its name after its table's")
    if expanded != plain:
        names.add(f"{owner} {expanded}", 0.9, "its name after its table's")
    if comment.headline:
        names.add(f"{owner}{comment.headline}", 0.93, "its comment after its table's name")
    for texts, score, reason in (
        (bases, 0.86, "its name without its table's"),
        (comment.synonyms, 0.84, "a synonym without its table's name"),
    ):
        for text in texts:
            rest = key(text).removeprefix(key(owner))
            if rest != key(text) and len(rest) >= 2:
                names.add(rest, score, reason)
                rests.append(rest)
    return rests


def _add_without_beginning(names: Names, text: str, vocabulary: Vocabulary) -> None:
    """所在城市 is told as 城市."""
    for beginning in vocabulary.endings("column_beginnings"):
        if fold(text).startswith(beginning) and len(text) - len(beginning) >= 2:
            names.add(fold(text).removeprefix(beginning), 0.75, "its name without a word that says whose it is")


def _add_without_endings(names: Names, text: str, vocabulary: Vocabulary) -> None:
    words = text.split()
    for section, strength, reason in (
        ("label_endings", 0.86, "what it is the name of"),
        ("category_endings", 0.68, "what it is the kind of"),
        ("key_endings", 0.6, "what it refers to"),
        ("code_endings", 0.58, "what it is the code of"),
        ("unit_endings", 0.92, "what it measures, without the unit"),
        ("moment_endings", 0.7, "what happened then"),
    ):
        bare = _without(text, vocabulary.endings(section)) if has_cjk(text) else ""
        if len(words) > 1 and key(words[-1]) in vocabulary.names(section):
            bare = " ".join(words[:-1])
        elif section == "key_endings" and not has_cjk(text) and fold(text).endswith("id"):
            bare = fold(text)[:-2]
        if bare and bare != text:
            names.add(bare, strength, reason)
    _add_counts(names, words, text, vocabulary)


def _label_noun(text: str, vocabulary: Vocabulary) -> str:
    """What a label is the name of: 项目 for 项目名称, `city` for `city name`; empty for anything else."""
    words = text.split()
    if has_cjk(text):
        bare = _without(text, vocabulary.endings("label_endings"))
        return bare if bare != fold(text) else ""
    return " ".join(words[:-1]) if len(words) > 1 and key(words[-1]) in vocabulary.names("label_endings") else ""


def _add_counts(names: Names, words: list[str], text: str, vocabulary: Vocabulary) -> None:
    """`num_reviews` and `review_count` are numbers of reviews; `total_credit` is told as credits."""
    parts = vocabulary.names("count_parts")
    rest = ""
    if len(words) > 1 and key(words[0]) in parts:
        rest = " ".join(words[1:])
    elif len(words) > 1 and key(words[-1]) in parts - {"no"}:
        rest = " ".join(words[:-1])
    if rest:
        for phrase in (f"number of {rest}", f"{rest} count", f"{rest} number", f"count of {rest}", f"total {rest}"):
            names.add(phrase, 0.9, COUNT_OF)
        names.add(rest, 0.7, "what it is the number of")
    if has_cjk(text):
        _add_chinese_counts(names, text, vocabulary)


def _add_chinese_counts(names: Names, text: str, vocabulary: Vocabulary) -> None:
    """订单总数 is the number of 订单; 资产总计 is told as 资产."""
    bare = _without(text, tuple(part for part in vocabulary.endings("count_parts") if has_cjk(part)))
    if bare != text:
        names.add(bare, 0.7, "what it is the number of")
        for ending in ("数", "量", "数量", "总数", "总量"):
            names.add(bare + ending, 0.88, COUNT_OF)
    if text.startswith("总") or text.endswith(("总计", "合计")):
        names.add(text.removeprefix("总").removesuffix("总计").removesuffix("合计"), 0.8, "its name without 'total'")


def _add_synonyms(names: Names, texts: Iterable[str], vocabulary: Vocabulary, *, limit: float) -> None:
    for text in texts:
        for variant, strength in _variants(text, vocabulary):
            if len(names.found) > _MOST_NAMES:
                return
            names.add(variant, strength * limit, "a word that means the same")


def _variants(text: str, vocabulary: Vocabulary) -> Iterator[tuple[str, float]]:
    """`text` with one part exchanged for each of its synonyms; a whole exchanged counts full, a part a little less."""
    words = text.split()
    if has_cjk(text):
        yield from _chinese_variants(key(text), vocabulary)
        return
    for start in range(len(words)):
        for end in range(len(words), start, -1):
            part = key(" ".join(words[start:end]))
            whole = end - start == len(words)
            for other, strength in vocabulary.synonyms.get(part, {}).items():
                if whole or not has_cjk(other):
                    yield (
                        "".join([*map(key, words[:start]), other, *map(key, words[end:])]),
                        strength * (1 if whole else 0.93),
                    )
    yield from _translated(words, vocabulary)


def _translated(words: list[str], vocabulary: Vocabulary) -> Iterator[tuple[str, float]]:
    """Every word exchanged for a Chinese one: `customer name` gives 客户名称."""
    if len(words) not in (2, 3):
        return
    choices = [[o for o in vocabulary.synonyms.get(key(word), {}) if has_cjk(o)][:4] for word in words]
    if all(choices):
        partial = [""]
        for options in choices:
            partial = [left + right for left in partial for right in options]
        for variant in partial:
            yield variant, 0.8


def _chinese_variants(text: str, vocabulary: Vocabulary) -> Iterator[tuple[str, float]]:
    for start in range(len(text)):
        for end in range(len(text), start + 1, -1):
            if start and end != len(text):
                continue
            whole = start == 0 and end == len(text)
            for other, strength in vocabulary.synonyms.get(text[start:end], {}).items():
                if whole or has_cjk(other):
                    yield text[:start] + other + text[end:], strength * (1.0 if whole else 0.93)


def _expanded(stem: tuple[str, ...], vocabulary: Vocabulary) -> str:
    abbreviations = vocabulary.naming["abbreviations"]
    return " ".join(str(abbreviations.get(word, word)) for word in stem)


def _without(text: str, endings: tuple[str, ...]) -> str:
    """`text` without the longest ending that leaves something."""
    folded = fold(text)
    for ending in endings:
        if has_cjk(ending) and folded.endswith(ending) and len(folded) - len(ending) >= 2:
            return folded[: -len(ending)]
    return folded if has_cjk(folded) else ""


def _without_beginning(text: str, vocabulary: Vocabulary) -> str:
    folded = fold(text)
    for beginning in vocabulary.endings("table_beginnings"):
        if has_cjk(beginning) and folded.startswith(beginning) and len(folded) - len(beginning) >= 2:
            return folded[len(beginning) :]
    return folded
