"""The texts about what was understood, in the language of the question.

A refusal says which words are not understood and what is near them; an answer says which words were taken for others.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from common.messages import offline as messages
from offline.links import LinkIndex
from offline.near_words import NearWords, understood
from offline.plan import Refusal
from offline.text import has_cjk, key
from offline.tokens import Token
from offline.weights import NEARNESS

_MOST_WORDS, _MOST_NEAR, _LONGEST = 4, 3, 20


def understood_text(tokens: Sequence[Token], *, is_english: bool) -> str:
    """Says which unknown words were taken for which names; empty when none was."""
    taken = understood(tokens)
    if not taken:
        return ""
    one, all_of_them, comma = (
        (messages.OFFLINE_TAKEN_FOR_EN, messages.OFFLINE_UNDERSTOOD_EN, ", ")
        if is_english
        else (messages.OFFLINE_TAKEN_FOR, messages.OFFLINE_UNDERSTOOD, "，")
    )
    return all_of_them.format(words=comma.join(one.format(word=word, name=name) for word, name in taken))


def refusal_text(refusal: Refusal, index: LinkIndex, near_words: NearWords, *, is_english: bool) -> str:
    """What the user reads. Words are cut to what fits a sentence."""
    words = [word[:_LONGEST] for word in refusal.about if word.strip()][:_MOST_WORDS]
    unknown = refusal.reason == "missing_database_info"
    near = list(refusal.near) or near_names(words, index, near_words if unknown else None)
    if not words:
        return messages.OFFLINE_AMBIGUOUS_EN if is_english else messages.OFFLINE_AMBIGUOUS
    quoted = ", ".join(f'"{word}"' for word in words) if is_english else "、".join(f"“{word}”" for word in words)
    if refusal.reason == "ambiguous_question" and refusal.near:
        several = messages.OFFLINE_SEVERAL_TABLES_EN if is_english else messages.OFFLINE_SEVERAL_TABLES
        return several.format(words=quoted, tables=(", " if is_english else "、").join(refusal.near))
    if is_english:
        text = (messages.OFFLINE_UNKNOWN_WORDS_EN if unknown else messages.OFFLINE_UNUSED_WORDS_EN).format(words=quoted)
        return text + (messages.OFFLINE_NEAR_WORDS_EN.format(near=", ".join(near)) if near else "")
    text = (messages.OFFLINE_UNKNOWN_WORDS if unknown else messages.OFFLINE_UNUSED_WORDS).format(words=quoted)
    return text + (messages.OFFLINE_NEAR_WORDS.format(near="、".join(near)) if near else "")


def near_names(words: Sequence[str], index: LinkIndex, near_words: NearWords | None) -> list[str]:
    """Names of the schema that are near in meaning to one of the words, else written like one."""
    found = [one for word in words for one in near_words.near(word, _MOST_NEAR)] if near_words is not None else []
    near = [one.title for one in found if one.similarity >= NEARNESS.suggested]
    return list(dict.fromkeys(near))[:_MOST_NEAR] or names_written_alike(words, index)


def names_written_alike(words: Sequence[str], index: LinkIndex) -> list[str]:
    """Names of the schema that are written like one of the words."""
    titles: dict[str, str] = {}
    for relation in index.relations:
        titles.setdefault(key(relation.title), relation.title)
        for item in relation.fields:
            if item.role not in ("audit", "deleted", "key", "reference"):
                titles.setdefault(key(item.title), item.title)
    found: list[str] = []
    for word in words:
        if has_cjk(word):
            alike = [
                t
                for name, t in titles.items()
                if _share(key(word), name) >= 2 or (len(word) <= 2 and key(word) in name)
            ]
        else:
            alike = [titles[name] for name in difflib.get_close_matches(key(word), titles, n=_MOST_NEAR, cutoff=0.72)]
        found += alike[:_MOST_NEAR]
    return list(dict.fromkeys(found))[:_MOST_NEAR]


def _share(left: str, right: str) -> int:
    """How many characters two names have in common in a row."""
    match = difflib.SequenceMatcher(None, left, right, autojunk=False).find_longest_match()
    return match.size
