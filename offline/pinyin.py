"""Chinese names for tables and columns that are named in Pinyin, whole or by initials, and that nobody has commented.

`kehu` is 客户, `kh_mc` in it 客户名称. A name is read only when all of it is, and initials only in a schema that has
whole Pinyin words too; where they stand for several words, the column's type decides. What comes out stands where a
comment would, so everything else treats it like one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from common.business_schema import BusinessSchema, Column, Table
from offline.column_roles import kind_of
from offline.text import has_cjk, identifier_words
from offline.vocabulary import Vocabulary

_LEAST_WORDS: Final = 2
_LEAST_INITIALS: Final = 2
_SHORTEST: Final = 4
_KEYS: Final[Mapping[str, str]] = {"id": "ID", "no": "编号", "dm": "代码", "pk": "主键"}
_KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "number": ("number", "state"), "integer": ("number", "state"), "date": ("date",), "timestamp": ("date",),
    "text": ("text",), "flag": ("state",), "array": ("text",), "time": ("date",), "other": ("text",),
}  # fmt: skip


@dataclass(frozen=True)
class _Words:
    """Chinese words by syllables and by initials, of one kind."""

    whole: Mapping[str, str]
    initials: Mapping[str, str]


class PinyinNames:
    """Reads names; built once per vocabulary."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        whole: dict[str, dict[str, str]] = defaultdict(dict)
        initials: dict[str, dict[str, str]] = defaultdict(dict)
        for row in vocabulary.pinyin:
            for word, syllables in row["words"].items():
                parts = str(syllables).split()
                whole[row["kind"]].setdefault("".join(parts), str(word))
                initials[row["kind"]].setdefault("".join(part[0] for part in parts), str(word))
        self._words = {kind: _Words(whole[kind], initials[kind]) for kind in whole}

    def commented(self, schema: BusinessSchema) -> BusinessSchema:
        """The schema with Chinese names as comments where it has none; the same object when it is not in Pinyin."""
        if not self._is_in_pinyin(schema):
            return schema
        return replace(schema, tables=tuple(self._table(table) for table in schema.tables))

    def _is_in_pinyin(self, schema: BusinessSchema) -> bool:
        """Whether several different whole words stand in the names of tables and columns."""
        found: set[str] = set()
        for table in schema.tables:
            for name in (table.name, *(column.name for column in table.columns)):
                found.update(part for part in identifier_words(name) if self._is_whole(part))
                if len(found) >= _LEAST_WORDS:
                    return True
        return False

    def _is_whole(self, part: str) -> bool:
        return len(part) >= _SHORTEST and any(part in words.whole for words in self._words.values())

    def _table(self, table: Table) -> Table:
        name = "" if table.comment or has_cjk(table.name) else self._read(table.name, ("thing",))
        columns = tuple(self._column(column) for column in table.columns)
        return replace(table, comment=table.comment or name, columns=columns)

    def _column(self, column: Column) -> Column:
        if column.comment or has_cjk(column.name):
            return column
        return replace(column, comment=self._read(column.name, (*_KINDS[kind_of(column)], "thing")))

    def _read(self, name: str, kinds: tuple[str, ...]) -> str:
        """The Chinese words of all parts put together; empty when one part is none. The last part is of `kinds`."""
        parts = identifier_words(name)
        found: list[str] = []
        for place, part in enumerate(parts):
            is_last = place == len(parts) - 1
            if is_last and part in _KEYS and len(parts) > 1:
                found.append(_KEYS[part])
                continue
            word = self._word(part, kinds if is_last else ("thing", "text", "number"))
            if not word:
                return ""
            found.append(word)
        return "".join(found)

    def _word(self, part: str, kinds: tuple[str, ...]) -> str:
        words = [self._words[kind] for kind in kinds if kind in self._words]
        every = [*words, *self._words.values()]
        whole = next((one.whole[part] for one in every if part in one.whole), "")
        joined = whole or next(self._joined(part), "")
        if joined or len(part) < _LEAST_INITIALS:
            return joined
        return next((one.initials[part] for one in words if part in one.initials), "")

    def _joined(self, part: str) -> Iterator[str]:
        """Two whole words written together: `xiaoshoudingdan`."""
        every = {spelt: word for words in self._words.values() for spelt, word in words.whole.items()}
        for spelt, word in every.items():
            if len(spelt) >= _SHORTEST and part.startswith(spelt) and part[len(spelt) :] in every:
                yield word + every[part[len(spelt) :]]
