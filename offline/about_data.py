"""Questions about the data itself: which tables there are, which columns a table has, where something is stored.

How far the data reaches is a query, made of the newest moment of the table that was named or of all that have one.
"""

from __future__ import annotations

from datetime import date

from common.messages import offline as messages
from offline.engine import Engine
from offline.reading import Reading
from offline.relations import Relation
from offline.text import key

_MOST_TABLES, _MOST_COLUMNS = 40, 80


def about_data(reading: Reading, engine: Engine, today: date) -> str:
    """The answer, or an empty text when the question is not about the data itself."""
    named = _named_table(reading, engine)
    if reading.has("columns") and named is not None:
        shown = [f"{f.title}({f.name})" if key(f.title) != key(f.name) else f.name for f in named.fields][
            :_MOST_COLUMNS
        ]
        return _say(
            reading, "OFFLINE_COLUMNS", table=named.title, count=len(named.fields), columns=_listed(reading, shown)
        )
    if reading.has("in_which_table") and reading.mentions:
        found = [
            link.relation.title for link in reading.mentions[0].names if link.field is not None and link.score >= 0.6
        ]
        if found:
            return _say(
                reading,
                "OFFLINE_STORED_IN",
                name=reading.mentions[0].text,
                tables=_listed(reading, list(dict.fromkeys(found))),
            )
    if reading.has("tables") and not reading.counted:
        titles = [relation.title for relation in engine.index.relations][:_MOST_TABLES]
        return _say(reading, "OFFLINE_TABLES", count=len(engine.schema.tables), tables=_listed(reading, titles))
    return ""


def newest_day(reading: Reading, engine: Engine) -> str:
    """SQL for how far the data reaches; empty when that is not the question or no table has a date."""
    if not reading.has("up_to"):
        return ""
    named = _named_table(reading, engine)
    tables = [named] if named is not None else [r for r in engine.index.relations if r.is_event]
    parts = []
    for relation in tables:
        moment = next((f for f in relation.fields if f.role == "date" and f.kind in ("date", "timestamp")), None)
        if moment is not None and not relation.is_family:
            parts.append(engine.newest_sql(relation, moment))
    return " UNION ALL ".join(parts[:10])


def _named_table(reading: Reading, engine: Engine) -> Relation | None:
    for mention in reading.mentions:
        for link in mention.names:
            if link.kind == "table" and link.score >= 0.8:
                return link.relation
    names = {key(relation.name): relation for relation in engine.index.relations}
    whole = key(" ".join(token.text for token in reading.tokens))
    return next((relation for name, relation in names.items() if len(name) > 3 and name in whole), None)


def _say(reading: Reading, template: str, **values: object) -> str:
    text: str = getattr(messages, template + ("_EN" if reading.is_english else ""))
    return text.format(**values)


def _listed(reading: Reading, items: list[str]) -> str:
    return (", " if reading.is_english else "、").join(items)
