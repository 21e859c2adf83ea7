"""Finds training texts that speak of what is known already, or of everything, instead of adding something new.

A text that nobody reviewed may tell of things that neither the business schema, nor the language data, nor a reviewed
record knows. A clause about known things is harmless in two forms only, which both leave what they mean as it is: it
gives a known thing one more name (`商铺即档口`, `takings means revenue`), or it repeats what the schema says of it. A
clause about new things is harmless when it describes: without numbers, operations, inclusions and exclusions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from common.business_schema import BusinessSchema, Column, Table
from common.messages import formula_words as words
from core.vector_store.lexical import bigrams
from core.vector_store.question_reading import Piece, QuestionReader

LONGEST_TEXT: Final = 20_000
_SENTENCES: Final = re.compile(r"[。；;！!？?\n\r]|\.(?=\s|$)")
_COMMAS: Final = re.compile(r"[，,]")
_MARKUP: Final = " \t-*#>|`\"'“”‘’"
_SYNONYM: Final = re.compile(words.SYNONYM_FORMS, re.IGNORECASE)
_OPERATION: Final = re.compile(f"{words.COMPUTES}|{words.SCALES}|{words.DOUBLES}|{words.OPERATIONS}", re.IGNORECASE)
_CJK: Final = re.compile(r"[\u3400-\u9fff]")
_WORD: Final = re.compile(r"[\w]+")
_NOTHING_SAID: Final = re.compile(r"[^\w]|_", re.UNICODE)
_LONGEST_NAME: Final = 24
_LONGEST_SYNONYM: Final = 80

KnownTerms = Callable[[Iterable[str]], frozenset[str]]
"""Those of the given terms (see `core.vector_store.lexical.bigrams`) that stand in reviewed records."""


class TextRules:
    """What a text says of known things.

    Args:
        schema: the business schema.
        reader: cuts texts into known and unknown words.
        reviewed: which terms reviewed records use.
    """

    def __init__(self, schema: BusinessSchema, reader: QuestionReader, reviewed: KnownTerms) -> None:
        self._schema = schema
        self._reader = reader
        self._reviewed = reviewed
        self._said = frozenset(_statements(schema))

    def changes_known(self, text: str) -> bool:
        """Whether some clause of the text is about known things, or about everything, in a form that may change them.

        A text that is too long to be read counts as such.
        """
        if len(text) > LONGEST_TEXT:
            return True
        plain = unicodedata.normalize("NFKC", text)
        sentences = (one for one in _SENTENCES.split(plain) if _bare(one) not in self._said)
        return any(self._changes(clause.strip(_MARKUP)) for one in sentences for clause in _COMMAS.split(one))

    def _changes(self, clause: str) -> bool:
        if not _WORD.search(clause) or _bare(clause) in self._said:
            return False
        pieces = self._reader.pieces(self._schema, clause)
        if not any(piece.subjects for piece in pieces) and not self._is_about_reviewed(pieces):
            return _computes(clause, pieces) or not _names_something(pieces)
        return not self._is_synonym(clause)

    def _is_about_reviewed(self, pieces: Sequence[Piece]) -> bool:
        """Whether a word that is new to the engine, with what stands beside it, holds a word of a reviewed record."""
        stretches = _stretches(pieces)
        known = self._reviewed(term for text, _ in stretches for term in bigrams(text))
        return bool(known) and any(_holds_term(text, is_new, known) for text, is_new in stretches)

    def _is_synonym(self, clause: str) -> bool:
        """Whether the clause only says that a new name and one known thing are the same, or two names of one thing."""
        found = _SYNONYM.fullmatch(clause.strip(" .")) if len(clause) <= _LONGEST_SYNONYM else None
        if found is None:
            return False
        sides = [side.strip(_MARKUP) for side in found.groups() if side]
        if len(sides) != 2 or not all(sides):
            return False
        first, second = ([*self._reader.pieces(self._schema, side)] for side in sides)
        is_new = self._is_new_name(first) or self._is_new_name(second)
        if is_new:
            return _is_one_thing(first) or _is_one_thing(second)
        return _is_one_subject([*first, *second])

    def _is_new_name(self, pieces: Sequence[Piece]) -> bool:
        text = " ".join(piece.text for piece in pieces)
        is_plain = bool(pieces) and all(piece.is_new for piece in pieces) and not _OPERATION.search(text)
        return is_plain and len(text) <= _LONGEST_NAME and not self._is_about_reviewed(pieces)


def new_words(pieces: Sequence[Piece], reviewed: KnownTerms) -> frozenset[str]:
    """The words of a question that neither the engine nor a reviewed record knows, without what stands around them.

    Single Chinese characters and pairs of letters are no words.
    """
    unknown = [piece.text for piece in pieces if piece.is_new]
    known = reviewed(term for text in unknown for term in bigrams(text))
    return frozenset(word for text in unknown for word in _uncovered(text, known))


def speaks_of(text: str, wanted: Iterable[str]) -> bool:
    """Whether one of the words stands in the text, whatever its case and width."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return any(_stands_in(word, plain) for word in wanted)


def _stands_in(word: str, text: str) -> bool:
    if _CJK.search(word):
        return word in text
    return re.search(rf"(?<![^\W_]){re.escape(word)}(?![^\W_])", text) is not None


def _uncovered(text: str, known: frozenset[str]) -> list[str]:
    """What is left of an unknown text without the pairs of characters that reviewed records know."""
    found: list[str] = []
    for run in re.findall(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]+", text):
        if not _CJK.match(run):
            found += [run] if len(run) > 2 and run not in known else []
            continue
        is_known = [False] * len(run)
        for start in range(len(run) - 1):
            if run[start : start + 2] in known:
                is_known[start] = is_known[start + 1] = True
        left = "".join(" " if hidden else character for character, hidden in zip(run, is_known, strict=True))
        found += [part for part in left.split() if len(part) > 1]
    return found


def _stretches(pieces: Sequence[Piece]) -> list[tuple[str, list[bool]]]:
    """Words in a row that name nothing in the schema, with whether each character is of a new one.

    A filler may be part of a word nobody knows, as 车 of 停车区 is; new words alone would tear it.
    """
    found: list[tuple[str, list[bool]]] = []
    for piece in pieces:
        is_new = [piece.is_new] * len(piece.text)
        if piece.subjects or piece.is_number:
            found.append(("", []))
        elif found and _CJK.match(piece.text) and _CJK.match(found[-1][0] or piece.text):
            text, before = found[-1]
            found[-1] = (text + piece.text, before + is_new)
        else:
            found.append((piece.text, is_new))
    return [(text, is_new) for text, is_new in found if any(is_new)]


def _holds_term(text: str, is_new: Sequence[bool], known: frozenset[str]) -> bool:
    """Whether a word or three characters in a row are known, one of them new to the engine.

    Two characters are a word only when they are the whole text.
    """
    for match in re.finditer(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]+", text):
        run, start = match[0], match.start()
        if not _CJK.match(run):
            if len(run) > 2 and run in known:
                return True
        elif len(run) == 2:
            if run in known:
                return True
        elif any(
            run[at : at + 2] in known and run[at + 1 : at + 3] in known and any(is_new[start + at : start + at + 3])
            for at in range(len(run) - 2)
        ):
            return True
    return False


def _computes(clause: str, pieces: Sequence[Piece]) -> bool:
    """Whether a clause has a number, an operation, or a word that includes, excludes or sums up."""
    return _OPERATION.search(clause) is not None or any(piece.is_number or piece.is_form for piece in pieces)


def _names_something(pieces: Sequence[Piece]) -> bool:
    """Whether the pieces have a new word besides numbers and words of computing: that is what they are about."""
    return any(_is_word(_OPERATION.sub(" ", piece.text)) for piece in pieces if piece.is_new)


def _is_word(text: str) -> bool:
    return any(len(word) > 1 for word in _WORD.findall(text))


def _is_one_thing(pieces: Sequence[Piece]) -> bool:
    return len(pieces) == 1 and bool(pieces[0].subjects) and not pieces[0].is_number


def _is_one_subject(pieces: Sequence[Piece]) -> bool:
    """Whether all pieces are names, and one of them may stand for each of the others."""
    named = [piece.subjects for piece in pieces]
    return all(named) and any(all(others <= subjects for others in named) for subjects in named)


def _bare(text: str) -> str:
    return _NOTHING_SAID.sub("", unicodedata.normalize("NFKC", text)).casefold()


def _statements(schema: BusinessSchema) -> Iterable[str]:
    """What may be said of tables and columns because it repeats the schema, without marks and spaces."""
    for table in schema.tables:
        yield from _repetitions((table.name, f"{table.schema}.{table.name}"), "", table.comment)
        for column in table:
            names = (column.name, f"{table.name}.{column.name}")
            yield from _repetitions(names, column.data_type, column.comment)


def _repetitions(names: Iterable[str], data_type: str, comment: str) -> Iterable[str]:
    for name in names:
        for kind in dict.fromkeys(("", data_type, data_type.split("(")[0])):
            for text in dict.fromkeys((comment, re.split(r"[:：。;；\n（(，,]", comment, maxsplit=1)[0])):
                for lead in ("", *words.LEADS):
                    yield _bare(f"{lead}{name}{kind}{text}") if text else ""


def stored_comment(item: Table | Column) -> str:
    """A comment of the schema without marks and spaces, as comments in DDL are compared with it."""
    return _bare(item.comment)


def same_comment(text: str, item: Table | Column) -> bool:
    """Whether a comment in DDL says what the schema says; an empty one says nothing."""
    return _bare(text) in ("", stored_comment(item))
