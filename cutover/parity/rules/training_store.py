"""What the training store holds now and did not hold then, or the reverse, as far as earlier exchanges tell.

Totals are followed exactly: from the latest exchange that showed both, by what every later one says that it stored.
This is code and no row, because it folds the whole history of a phase instead of reading one exchange.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.readings import is_query, storable
from cutover.parity.rules.recorded import answer_now, body_of, old_answer

TRAINING = "/api/v0/training_data/"
STATS, QUERY, CREATE, DELETE, UPDATE, UPLOAD, COMBINE = (
    TRAINING + name for name in ("stats", "query", "create", "delete", "update", "upload", "combine")
)
SINGLE_PAIRS = ("/api/v0/citu_train_question_sql", "/api/v0/training_error_question_sql")
FEEDBACK = "/api/v0/qa_feedback/add_to_training"
DIRECT_ASK = ("/api/v0/ask", "/api/v0/ask_cached")
FILTERS = ("training_data_type", "search_keyword")
EXECUTE = re.compile(r"/api/v0/data_pipeline/tasks/[^/]+/execute")
NEEDED = {"sql": ("sql",), "error_sql": ("question", "sql"), "documentation": ("content",), "ddl": ("ddl",)}
READ = {**NEEDED, "sql": ("question", "sql")}
LONGEST = {"question": 5_000, "sql": 20_000}
"""Texts a record of each kind must have, those that are read of it, and how many characters they may have."""

LOST_BY_A_LOAD = 10
"""Pairs of one theme: a load of the old pipeline may have lost so many records without reporting it."""


@dataclass(frozen=True)
class Drift:
    """By how much a total differs from the recorded one: `balance`, or up to `fewer` below or `more` above it."""

    balance: int = 0
    fewer: int = 0
    more: int = 0

    def __add__(self, other: Drift) -> Drift:
        return Drift(self.balance + other.balance, self.fewer + other.fewer, self.more + other.more)

    def explains(self, before: Any, after: Any) -> bool:
        """Whether a total may have become another one; the same is always right."""
        if not _is_count(before) or not _is_count(after):
            return False
        return bool(before == after or -self.fewer <= after - before - self.balance <= self.more)


@dataclass
class Effects:
    """Contents that are missing now or new; the numbers count records whose content is not known."""

    lost: Counter[str] = field(default_factory=Counter)
    gained: Counter[str] = field(default_factory=Counter)
    unknown_lost: int = 0
    unknown_gained: int = 0

    def explain(self, before: int, after: int) -> bool:
        fewer, more = self.lost.total() + self.unknown_lost, self.gained.total() + self.unknown_gained
        return -fewer <= after - before <= more


def items_of(exchange: Exchange) -> list[Any]:
    """The records of a create request; empty when there are none."""
    data = body_of(exchange).get("data")
    listed = data if isinstance(data, list) else [data] if isinstance(data, Mapping) else []
    return listed if len(listed) <= 50 else []


def is_kept_now(fields: Any) -> bool:
    """Whether a record of a request is one that the contract keeps; a model that writes missing questions is there."""
    kind = fields.get("training_data_type") if isinstance(fields, Mapping) else None
    needed = NEEDED.get(kind) if isinstance(kind, str) else None
    if needed is None or not all(
        _is_text(name, fields.get(name)) for name in {*needed, "question"} & set(READ[str(kind)])
    ):
        return False
    is_complete = all(_text(fields.get(name)).strip() for name in needed)
    return is_complete and (kind != "sql" or is_query(_text(fields["sql"])))


def _text(value: Any) -> str:
    """A scalar as text; what is falsy is empty."""
    return "true" if value is True else str(value) if value else ""


def _is_text(name: str, value: Any) -> bool:
    """Whether a value is read as text: no list or object, not too long, and storable."""
    text = _text(value)
    return not isinstance(value, list | dict) and len(text) <= LONGEST.get(name, 600_000) and storable(text)


def was_kept(result: Any) -> bool:
    """Whether a record is stored: the old service's "success" with no id was none."""
    return isinstance(result, Mapping) and result.get("success") is True and result.get("training_id") is not None


def results_of(answer: Answer) -> list[Any]:
    results = answer.data.get("results")
    return results if isinstance(results, list) else []


def pairs_of(exchange: Exchange) -> Iterator[tuple[Any, Any]]:
    """Each record of a create request with its old result; none when the old service broke off."""
    results = results_of(old_answer(exchange))
    for index, fields in enumerate(items_of(exchange)):
        yield fields, results[index] if index < len(results) else None


def total_of(exchange: Exchange, answer: Answer) -> int | None:
    """How many records there are after it, when it says so; a list with filters does not."""
    data, path = answer.data, exchange.request["path"]
    told = data.get("current_total_count") if path in (CREATE, DELETE, UPDATE) else None
    if path == STATS:
        told = data.get("total_count")
    if path == QUERY and not any(body_of(exchange).get(name) for name in FILTERS):
        told = (data.get("pagination") or {}).get("total")
    return told if isinstance(told, int) and _is_count(told) else None


def drift_before(exchange: Exchange) -> Drift:
    """What the exchanges since the latest that told both totals have changed, on top of how these two differ."""
    drift = Drift()
    for earlier in exchange.earlier():
        answer = answer_now(earlier)
        then, now = total_of(earlier, old_answer(earlier)), total_of(earlier, answer)
        if then is not None and now is not None:
            return drift + Drift(now - then)
        drift += change_by(earlier, answer)
    return drift


def change_by(exchange: Exchange, answer: Answer) -> Drift:
    """What one exchange has added to the total now, more than it had then."""
    added = _added(exchange, answer)
    least, most = _added_then(exchange)
    if _ran_a_load(exchange):
        return Drift(0, 0, LOST_BY_A_LOAD)
    return Drift(added - most, 0, most - least)


def effects_before(exchange: Exchange, is_listed: Callable[[Mapping[str, Any]], bool] = bool) -> Effects:
    """What earlier exchanges of the same phase have changed.

    Args:
        is_listed: whether a record, as it was sent, is among those that count.
    """
    effects = Effects()
    for earlier in exchange.earlier():
        if earlier.request["path"] == CREATE and results_of(old_answer(earlier)):
            _add_records(effects, earlier, is_listed)
            continue
        change = change_by(earlier, answer_now(earlier))
        effects.unknown_lost += max(0, change.fewer - change.balance)
        effects.unknown_gained += max(0, change.more + change.balance)
        if earlier.request["path"] == UPDATE:
            effects.unknown_lost += 1
            effects.unknown_gained += 1
    return effects


def is_asked_for(exchange: Exchange, fields: Mapping[str, Any]) -> bool:
    """Whether a record, as it was sent, passes the filters of a query."""
    kind, keyword = (str(body_of(exchange).get(name) or "") for name in FILTERS)
    words = " ".join(str(fields.get(name) or "") for name in ("question", "sql", "content", "ddl"))
    return kind in ("", fields.get("training_data_type")) and keyword.lower() in words.lower()


def effects_on(exchange: Exchange) -> Effects:
    """The effects on what a query lists by its filters, or on the collections that are combined."""
    if exchange.request["path"] == COMBINE:
        named = old_answer(exchange).data["collections_processed"]
        return effects_before(exchange, lambda fields: fields.get("training_data_type") in named)
    return effects_before(exchange, lambda fields: is_asked_for(exchange, fields))


def rows_explained(effects: Effects, old: Counter[str], new: Counter[str]) -> bool:
    """Whether contents are missing or new only by these effects."""
    lost, gained = (old - new) - effects.lost, (new - old) - effects.gained
    return lost.total() <= effects.unknown_lost and gained.total() <= effects.unknown_gained


def groups_explained(effects: Effects, old: Sequence[Any], new: Sequence[Any]) -> bool:
    """Whether groups of duplicates differ by no more than these effects; each may make or end a pair."""
    before, after = (_repeated(groups) for groups in (old, new))
    lost = effects.lost.total() + effects.unknown_lost
    gained = effects.gained.total() + effects.unknown_gained
    return (before - after).total() <= 2 * lost and (after - before).total() <= 2 * gained


def _repeated(groups: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """What is there several times, and how often."""
    found = Counter[str]()
    for group in groups:
        found[str(group["document_content"]).strip()] += group["duplicate_count"]
    return found


def content_of(fields: Any) -> str:
    if not isinstance(fields, Mapping):
        return ""
    return str(fields.get("sql") or fields.get("content") or fields.get("ddl") or "").strip()


def _add_records(effects: Effects, earlier: Exchange, is_listed: Callable[[Mapping[str, Any]], bool]) -> None:
    now = results_of(answer_now(earlier))
    for index, (fields, result) in enumerate(pairs_of(earlier)):
        is_kept = index < len(now) and was_kept(now[index])
        if is_kept == was_kept(result) or not isinstance(fields, Mapping):
            continue
        if not fields.get("question"):
            effects.unknown_gained += is_kept
            effects.unknown_lost += not is_kept
        elif is_listed(fields):
            (effects.gained if is_kept else effects.lost)[content_of(fields)] += 1


def _ran_a_load(exchange: Exchange) -> bool:
    """A pipeline run with training: the old one logged the records it failed to store, and went on."""
    body = body_of(exchange)
    is_load = body.get("step_name") == "training_load" or body.get("execution_mode", "complete") == "complete"
    return EXECUTE.fullmatch(exchange.request["path"]) is not None and exchange.response["status"] == 202 and is_load


def _added(exchange: Exchange, answer: Answer) -> int:
    """What an answer says was added, less what was taken away."""
    path, data = exchange.request["path"], answer.data
    if path == FEEDBACK:
        summary = data.get("summary") or {}
        return _count(summary, "positive_trained") + _count(summary, "negative_trained")
    if path in SINGLE_PAIRS:
        return int(answer.status == 200 and data.get("training_id", "") is not None)
    if path == COMBINE:
        return -_count(data.get("summary") or {}, "duplicates_removed")
    names = {CREATE: "successfully_created", UPLOAD: "items_created", DELETE: "successfully_deleted"}
    return _count(data, names.get(path, "")) * (-1 if path == DELETE else 1)


def _added_then(exchange: Exchange) -> tuple[int, int]:
    """The least and the most the old service may have added: it did not always say."""
    path, old = exchange.request["path"], old_answer(exchange)
    if path == CREATE and results_of(old):
        kept = sum(map(was_kept, results_of(old)))
        return kept, kept
    if path == CREATE and old.status == 500:
        places = [place for place, fields in enumerate(items_of(exchange)) if not isinstance(fields, Mapping)]
        return 0, min(places, default=0)
    if path == UPDATE:
        return removed_by_update(exchange, old)
    if path == UPLOAD:
        return 0, _most_pieces(exchange) if old.data.get("status") == "completed" else 0
    if path in DIRECT_ASK:
        return 0, int(old.status == 200)
    added = _added(exchange, old)
    return added, added


def removed_by_update(exchange: Exchange, old: Answer) -> tuple[int, int]:
    """An update removed the old record first; when it then failed, or stored nothing, the record was lost."""
    if old.status == 200:
        removed = -int(old.data.get("new_training_id") is None)
        return removed, removed
    was_checked_first = old.response.startswith(("缺少必需参数", "原始记录")) or not body_of(exchange).get("id")
    is_generic = old.response == "更新训练数据失败，请稍后重试"
    return (0, 0) if was_checked_first else (-1, 0) if is_generic else (-1, -1)


def _most_pieces(exchange: Exchange) -> int:
    """Into how many records a file may have been cut."""
    file = ((exchange.request.get("multipart") or {}).get("files") or {}).get("file") or {}
    content = str(file.get("content", "")).lower() if isinstance(file, Mapping) else ""
    return max(content.count(mark) for mark in (";", "---", "question", "\n\n")) + 1


def _count(data: Mapping[str, Any], name: str) -> int:
    value = data.get(name)
    return value if isinstance(value, int) and _is_count(value) else 0


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
