"""Words by which model replies are told apart: labels of a classification, marks of refusals, SQL's first words.

Language data for `agent.model_replies`; the natural-language part stands in `reply_vocabulary.yaml`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

import yaml

_FILE: Final = Path(__file__).with_name("reply_vocabulary.yaml")


@dataclass(frozen=True)
class ReplyVocabulary:
    """The members of the YAML file; earlier labels win over later ones."""

    type_labels: tuple[str, ...]
    reason_labels: tuple[str, ...]
    confidence_labels: tuple[str, ...]
    database_words: tuple[str, ...]
    chat_words: tuple[str, ...]
    missing_table_marks: tuple[str, ...]
    ambiguity_marks: tuple[str, ...]
    refusal_marks: tuple[str, ...]
    sql_labels: tuple[str, ...]
    sql_members: tuple[str, ...]
    sql_tags: tuple[str, ...]
    failure_marks: tuple[str, ...]

    @cached_property
    def sql_label(self) -> re.Pattern[str]:
        """What may stand before SQL in its line: marks and a number, and a label with a colon."""
        labels = "|".join(re.escape(label) for label in self.sql_labels)
        return re.compile(rf"^[\s>#*_\-\d.、()（）【\[]*+(?:(?:{labels})[\s*_`)\]）】]*+[:：][\s*_]*+)?", re.IGNORECASE)

    @cached_property
    def failure_line(self) -> re.Pattern[str]:
        """A line that begins like a server's report of a failure."""
        return re.compile(rf"^[\s\[(<*]*+(?:{'|'.join(map(re.escape, self.failure_marks))})", re.IGNORECASE)

    @cached_property
    def label_inside_line(self) -> re.Pattern[str]:
        """A separator in the middle of a line with a label behind it."""
        return re.compile(rf"[,，;；。|][ \t]*(?=[*_`]*(?:{self._labels})[*_`]*\s*[:：])", re.IGNORECASE)

    @cached_property
    def labelled_line(self) -> re.Pattern[str]:
        """A line `label: value`, with Markdown marks, numbering and brackets around the label."""
        return re.compile(
            rf"^[ \t>#*_`\-\d.、(\[（【]*({self._labels})[ \t*_`)\]）】]*[:：](.*)$", re.IGNORECASE | re.MULTILINE
        )

    @property
    def _labels(self) -> str:
        return "|".join(re.escape(label) for label in self.type_labels + self.reason_labels + self.confidence_labels)


@cache
def vocabulary() -> ReplyVocabulary:
    """The vocabulary, read once."""
    content = yaml.safe_load(_FILE.read_text("utf-8"))
    return ReplyVocabulary(**{name: tuple(found) for name, found in content.items()})


SQL_WORDS: Final = ("select", "insert", "update", "delete", "with", "from", "where")

QUERY_STARTS: Final = frozenset({"SELECT", "WITH"})
OTHER_STARTS: Final = frozenset(
    {
        "VALUES",
        "TABLE",
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "CREATE",
        "ALTER",
        "DROP",
        "TRUNCATE",
        "GRANT",
        "REVOKE",
        "EXPLAIN",
        "CALL",
        "COPY",
        "DO",
        "LOCK",
        "VACUUM",
    }
)
NEEDED_WORDS: Final = {"UPDATE": " SET ", "DELETE": " FROM ", "INSERT": " INTO ", "MERGE": " INTO "}
"""Without these the word is an English verb, not a statement."""

LATER_STARTS: Final = frozenset(
    {"BEGIN", "START", "COMMIT", "ROLLBACK", "END", "ABORT", "SAVEPOINT", "SET", "RESET", "SHOW", "ANALYZE", "REINDEX"}
    | {"REFRESH", "COMMENT", "PREPARE", "EXECUTE", "DEALLOCATE", "DISCARD", "DECLARE", "NOTIFY", "LISTEN", "CHECKPOINT"}
)
"""Further statements begin like this after a first one."""

CONTINUATION_STARTS: Final = frozenset(
    {"FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "OFFSET", "UNION", "INTERSECT", "EXCEPT", "AND", "OR", "ON"}
    | {"JOIN", "LEFT", "RIGHT", "INNER", "FULL", "CROSS", "WINDOW", "FETCH"}
)
