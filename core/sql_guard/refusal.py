"""How a rule of the guard says no: rule id, place, name at fault; `SqlGuard` turns it into `SqlRefusedError`."""

from __future__ import annotations

from typing import Final

from common import messages

_NAME_LIMIT: Final = 64

# The longest matching prefix of a rule id chooses the sentence.
_SENTENCES: Final[dict[str, str]] = {
    "text": messages.SQL_REFUSED_TEXT,
    "text.too_long": messages.SQL_REFUSED_TOO_LONG,
    "text.nesting": messages.SQL_REFUSED_TOO_COMPLEX,
    "text.tokens": messages.SQL_REFUSED_TOO_COMPLEX,
    "text.work": messages.SQL_REFUSED_TOO_COMPLEX,
    "tree": messages.SQL_REFUSED_TOO_COMPLEX,
    "operator": messages.SQL_REFUSED_OPERATOR,
    "parse": messages.SQL_REFUSED_SYNTAX,
    "statement": messages.SQL_REFUSED_STATEMENT,
    "statement.multiple": messages.SQL_REFUSED_MULTIPLE,
    "node": messages.SQL_REFUSED_CONSTRUCT,
    "function": messages.SQL_REFUSED_FUNCTION,
    "relation": messages.SQL_REFUSED_RELATION,
    "column": messages.SQL_REFUSED_COLUMN,
    "column.unknown": messages.SQL_REFUSED_UNKNOWN_COLUMN,
    "column.unsettled": messages.SQL_REFUSED_UNSETTLED,
    "column.not_simple": messages.SQL_REFUSED_NOT_SIMPLE,
    "column.ambiguous": messages.SQL_REFUSED_AMBIGUOUS,
    "relation.ambiguous": messages.SQL_REFUSED_AMBIGUOUS,
    "column.star": messages.SQL_REFUSED_STAR,
    "column.whole_row": messages.SQL_REFUSED_STAR,
    "cast": messages.SQL_REFUSED_CAST,
    "constant": messages.SQL_REFUSED_CONSTANT,
    "internal": messages.SQL_REFUSED_UNCHECKED,
}


# A statement refused for these names or writes something wrongly; another attempt may be tried.
_REPAIRABLE: Final = (
    "parse.",
    "column.unknown",
    "column.unsettled",
    "column.ambiguous",
    "relation.unknown",
    "relation.ambiguous",
)


def is_repairable(rule: str) -> bool:
    """Whether a refusal by `rule` is a writing error rather than a forbidden request."""
    return rule.startswith(_REPAIRABLE)


class Refusal(Exception):  # noqa: N818 - a verdict, not a fault
    """A statement is refused by a rule.

    Attributes:
        rule: stable id, `family.detail`.
        offset: 0-based character offset in the statement, None when unknown.
        name: the identifier at fault, empty when there is none; never a data value.
    """

    def __init__(self, rule: str, offset: int | None = None, name: str = "") -> None:
        super().__init__(rule)
        self.rule = rule
        self.offset = offset
        self.name = name[:_NAME_LIMIT]

    @property
    def sentence(self) -> str:
        """What a person reads."""
        template = _SENTENCES.get(self.rule) or _SENTENCES[self.rule.split(".", 1)[0]]
        return template.format(name=self.name) if self.name else template.replace("：{name}", "").replace("{name}", "")
