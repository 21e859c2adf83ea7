"""Which columns' stored values may be shown to an external model; asked wherever values are put into a prompt.

Rules of the setting `PROMPT_VALUE_COLUMNS`, in their order; the last one that fits a column decides:

    auto              columns with few distinct values that look like no person's data, by name, comment and content
    table.column      a column; `*` and `?` stand for any characters, as in `dim_*.name`
    !table.column     not these, whatever came before

No rule, no values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Final

from common.business_schema import BusinessSchema, Column, Table
from common.messages import personal_words as words

AUTOMATIC: Final = "auto"
MOST_DISTINCT: Final = 100
_LEAST_NAMES: Final = 3
_NAMES_SHARE: Final = 0.6
_CONTACTS_SHARE: Final = 0.1
_PARTS: Final = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_COMMENTED: Final = re.compile(words.PERSONAL_COMMENT, re.IGNORECASE)
_CONTACT: Final = tuple(re.compile(one, re.IGNORECASE) for one in words.PERSONAL_VALUES)
_CHINESE_NAME: Final = re.compile(words.CHINESE_NAME)
_LATIN_NAME: Final = re.compile(r"[A-Z][a-z'-]+(?: [A-Z]\.?)?(?: [A-Z][a-z'-]+){1,2}")


class PromptValues:
    """See the module.

    Args:
        rules: as in the setting.
    """

    def __init__(self, rules: Iterable[str] = (AUTOMATIC,)) -> None:
        self._rules = tuple(rule.strip() for rule in rules if rule.strip())

    def shows(self, table: Table, column: Column) -> bool:
        """Whether the column's values may be shown."""
        return self.allows(
            table.name, table.comment, column.name, column.comment, column.values, are_all_known=bool(column.values)
        )

    def allows(
        self,
        table: str,
        table_comment: str,
        column: str,
        comment: str,
        values: Sequence[str] = (),
        *,
        are_all_known: bool = True,
    ) -> bool:
        """The same, of a column that is described by texts.

        Args:
            values: the distinct values, or samples of them.
            are_all_known: whether it is known that there are few; otherwise `auto` does not fit.
        """
        is_allowed = False
        full_name = f"{table}.{column}".lower()
        for rule in self._rules:
            if rule == AUTOMATIC:
                is_personal = is_personal_name(table, table_comment, column, comment) or is_personal_content(values)
                is_few = are_all_known and len(values) <= MOST_DISTINCT
                is_allowed = is_allowed or (is_few and not is_personal)
            elif fnmatchcase(full_name, rule.removeprefix("!").lower()):
                is_allowed = not rule.startswith("!")
        return is_allowed

    def shown_columns(self, schema: BusinessSchema) -> list[str]:
        """`table.column` of those whose values are known and may be shown."""
        return [
            f"{table.name}.{column.name}"
            for table in schema.tables
            for column in table
            if column.values and self.shows(table, column)
        ]


def is_personal_name(table: str, table_comment: str, column: str, comment: str) -> bool:
    """Whether names and comments speak of people, or of what reaches them."""
    listed = [part.lower() for part in _PARTS.findall(column)]
    parts = set(listed)
    if any(one in "_".join(listed) for one in words.PERSONAL_COMPOUNDS):
        return True
    if parts & words.PERSONAL_PARTS and listed[-1] not in words.CATEGORY_PARTS:
        return True
    if _COMMENTED.search(comment):
        return True
    is_name = parts <= words.NAME_PARTS and bool(parts)
    of_people = {part.lower() for part in _PARTS.findall(table)} & words.PEOPLE_PARTS
    return is_name and bool(of_people or re.search(words.PEOPLE_COMMENT, table_comment))


def is_personal_content(values: Sequence[str]) -> bool:
    """Whether values look like people's names, or some of them like phone numbers, addresses and the like."""
    if not values:
        return False
    contacts = sum(any(pattern.search(value) for pattern in _CONTACT) for value in values)
    if contacts > len(values) * _CONTACTS_SHARE:
        return True
    names = sum(bool(_CHINESE_NAME.fullmatch(value) or _LATIN_NAME.fullmatch(value)) for value in values)
    return names >= _LEAST_NAMES and names >= len(values) * _NAMES_SHARE
