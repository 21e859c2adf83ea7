"""Which questions ask the same and which statements mean the same, as far as their texts tell.

The training door compares what somebody brings with the pairs an administrator vouched for. Both sides are brought
into a normal form; nothing is run, so two statements that differ here may still give the same rows.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

from sqlglot import exp

from common.messages.question_words import FILLER_PHRASES, FILLER_WORDS
from core.sql_guard.refusal import Refusal
from core.sql_guard.single_query import read_query

_LATIN: Final = re.compile(r"[a-z]+|[0-9]+(?:\.[0-9]+)?")
_PHRASES: Final = frozenset(FILLER_PHRASES)
_LONGEST_PHRASE: Final = max(map(len, FILLER_PHRASES))


def question_key(question: str) -> str:
    """The same for questions that differ only in filler words, marks, case, width, plural s and the order of words.

    32 hexadecimal characters; empty for a question of which nothing is left.
    """
    plain = unicodedata.normalize("NFKC", question).lower()
    words = [_singular(word) for word in _LATIN.findall(plain) if word not in FILLER_WORDS]
    rest = _without_fillers(_LATIN.sub(" ", plain).replace(" ", ""))
    characters = sorted(character for character in rest if character.isalnum())
    parts = [*sorted(words), *characters]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32] if parts else ""


def _without_fillers(text: str) -> str:
    """The text without stretches made of filler phrases; each stretch is as long as any way to read it allows.

    Taking the longest phrase first would read 查看看 as 查看 and leave 看.
    """
    kept: list[str] = []
    start = 0
    while start < len(text):
        end = _end_of_fillers(text, start)
        if end == start:
            kept.append(text[start])
            end = start + 1
        start = end
    return "".join(kept)


def _end_of_fillers(text: str, start: int) -> int:
    """The furthest place that a chain of filler phrases from `start` reaches."""
    furthest, reached = start, {start}
    for position in range(start, len(text)):
        if position > furthest:
            break
        if position in reached:
            reached.remove(position)
            stops = range(position + 1, min(position + _LONGEST_PHRASE, len(text)) + 1)
            reached |= {stop for stop in stops if text[position:stop] in _PHRASES}
            furthest = max(furthest, *reached, position)
    return furthest


def same_meaning(one: str, other: str) -> bool:
    """Whether two statements are the same but for white space, case, comments, aliases and the order of conditions."""
    return normal_sql(one) == normal_sql(other)


def normal_sql(sql: str) -> str:
    """A statement in normal form; what cannot be read is only freed of white space and closing semicolons."""
    try:
        tree = read_query(sql)
        return _normal(tree.copy())
    except (Refusal, RecursionError):
        return re.sub(r"\s+", " ", sql).strip(" ;")


def _normal(tree: exp.Expr) -> str:
    for node in tree.walk():
        node.comments = None
        if isinstance(node, exp.Identifier) and not node.quoted:
            node.set("this", node.name.lower())
        if isinstance(node, exp.Identifier):
            node.set("quoted", False)
        if isinstance(node, exp.Anonymous):
            node.set("this", str(node.this).lower())
    _without_table_aliases(tree)
    if isinstance(tree, exp.Select):
        plain = [one.this if isinstance(one, exp.Alias) else one for one in tree.expressions]
        tree.set("expressions", plain)
    for conjunction in list(tree.find_all(exp.And)):
        if not isinstance(conjunction.parent, exp.And):
            terms = sorted(conjunction.flatten(), key=lambda term: term.sql())
            conjunction.replace(exp.and_(*terms, copy=False))
    return tree.sql(dialect="postgres", comments=False, pretty=False)


def _without_table_aliases(tree: exp.Expr) -> None:
    """Names of tables instead of aliases, where each table stands once; none at all where there is one table."""
    tables = [table for table in tree.find_all(exp.Table) if isinstance(table.this, exp.Identifier)]
    names = [table.name for table in tables]
    if len(names) != len(set(names)) or tree.find(exp.Subquery, exp.CTE):
        return
    by_alias = {table.alias_or_name: table.name for table in tables}
    is_alone = len(tables) == 1
    for table in tables:
        table.set("alias", None)
        if table.db == "public":
            table.set("db", None)
    for column in tree.find_all(exp.Column):
        if column.table in by_alias:
            qualifier = None if is_alone else exp.to_identifier(by_alias[column.table])
            column.set("table", qualifier)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
