"""Finds records of exactly the same text and, when asked to, keeps one of each (docs/contract/training.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, Final

from common.errors import BadRequestError
from common.messages import training_data as texts
from common.result import Envelope, success_response
from core.database import Database
from core.vector_store.records import KINDS, Kind
from features.training_data.answers import answered, bad_request, told_as
from features.training_data.repository import TrainingRepository
from features.training_data.schemas import CombineRequest

STRATEGIES: Final = ("first", "last", "by_metadata_time")
MOST_NAMES: Final = 50
_SHOWN_CHARS: Final = 100
_LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class _Group:
    collection: Kind
    document: str
    kept: str
    removed: tuple[str, ...]


class CombineService:
    """See the module.

    Args:
        database: the platform database.
    """

    def __init__(self, *, database: Database) -> None:
        self._database = database

    def combine(self, tenant: str, body: Mapping[str, Any]) -> Envelope:
        """The envelope in every case. A dry run changes nothing; a real one happens in one transaction or not at all.

        Whoever calls this has seen to it that only administrators run it for real.
        """
        return answered(lambda: self._combine(tenant, body))

    def _combine(self, tenant: str, body: Mapping[str, Any]) -> Envelope:
        if not body:
            return bad_request(texts.BODY_EMPTY)
        wanted = CombineRequest.model_validate(body)
        names, strategy = _collections(wanted.collection_names), _strategy(wanted.keep_strategy)
        groups: list[_Group] = []
        stats: dict[str, dict[str, int]] = {}
        before = removed = 0
        with told_as(texts.COMBINE_FAILED), self._database.session() as session:
            repository = TrainingRepository(session, tenant)
            for name in names:
                size = repository.collection_size(name)
                found = _groups(repository, name, strategy)
                surplus = sum(len(group.removed) for group in found)
                if not wanted.only_tells:
                    repository.keep_one_of_each(
                        [group.kept for group in found], [one for group in found for one in group.removed]
                    )
                groups += found
                before, removed = before + size, removed + surplus
                key = "duplicates_to_remove" if wanted.only_tells else "duplicates_removed"
                stats[name] = {"before": size, "after": size - surplus, key: surplus}
        return _answer(wanted.only_tells, names, groups, stats, before, removed)


def _collections(given: Any) -> list[Kind]:
    if not isinstance(given, list) or not given:
        raise BadRequestError(texts.COLLECTIONS_NEEDED)
    unknown = [name for name in given if name not in KINDS]
    if unknown:
        raise BadRequestError(texts.COLLECTIONS_UNKNOWN.format(names=_as_printed(unknown[:MOST_NAMES])))
    return [kind for name in given[:MOST_NAMES] for kind in KINDS if kind == name]


def _as_printed(names: Sequence[Any]) -> str:
    """A list as Python prints it, as clients have always read it, without half surrogate pairs and cut."""
    return repr(list(names)).encode("utf-8", "replace").decode()[:500]


def _strategy(given: Any) -> str:
    if given not in STRATEGIES:
        raise BadRequestError(texts.STRATEGY_WRONG)
    return str(given)


def _groups(repository: TrainingRepository, name: Kind, strategy: str) -> list[_Group]:
    groups = []
    for _, copies in groupby(repository.duplicates(name), key=attrgetter("text_id")):
        rows = list(copies)
        kept = _chosen(rows, strategy)
        removed = tuple(row.id for row in rows if row.id != kept)
        shown = rows[0].shown
        document = shown[:_SHOWN_CHARS] + "..." if len(shown) > _SHOWN_CHARS else shown
        groups.append(_Group(name, document, kept, removed))
    return groups


def _chosen(rows: Sequence[Any], strategy: str) -> str:
    """The id to keep; `rows` come in the order of their ids."""
    if strategy == "last":
        return str(rows[-1].id)
    if strategy == "by_metadata_time":
        newest = max(_created_at(row.createdat) for row in rows)
        return str(next(row.id for row in rows if _created_at(row.createdat) == newest))
    return str(rows[0].id)


def _created_at(text: str | None) -> datetime:
    """Local times of older writers count as UTC; what is no time counts as long ago."""
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return _LONG_AGO
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _answer(
    only_tells: bool,
    names: Sequence[Kind],
    groups: Sequence[_Group],
    stats: Mapping[str, Mapping[str, int]],
    before: int,
    removed: int,
) -> Envelope:
    count_key = "duplicates_to_remove" if only_tells else "duplicates_removed"
    data: dict[str, Any] = {
        "dry_run": only_tells,
        "collections_processed": list(names),
        "summary": {
            "total_records_before": before,
            "total_records_after": before - removed,
            count_key: removed,
            "collections_stats": stats,
        },
        "duplicate_groups" if only_tells else "merged_groups": [_on_the_wire(group, only_tells) for group in groups],
    }
    wording = texts.COMBINE_PREVIEW if only_tells else texts.COMBINE_DONE
    return success_response(wording.format(removed=removed, before=before, after=before - removed), data)


def _on_the_wire(group: _Group, only_tells: bool) -> dict[str, Any]:
    kept, removed = ("records_to_keep", "records_to_remove") if only_tells else ("kept_record_id", "removed_record_ids")
    return {
        "collection_name": group.collection,
        "document_content": group.document,
        "duplicate_count": len(group.removed) + 1,
        kept: group.kept,
        removed: list(group.removed),
    }
