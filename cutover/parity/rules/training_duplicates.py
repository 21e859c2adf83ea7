"""Intended differences of combining duplicates that follow from what is stored today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cutover.parity.answers import Answer
from cutover.parity.exchanges import Exchange
from cutover.parity.rules.rule import Rule, old_answer
from cutover.parity.rules.training_effects import COMBINE, Effects, effects_before

# Dry run or not -> the list of groups, the ids in a group that go, the count in the summary, the text.
TOLD = ("duplicate_groups", "records_to_remove", "duplicates_to_remove")
DONE = ("merged_groups", "removed_record_ids", "duplicates_removed")
TEXTS = {
    TOLD: "发现 {removed} 条重复记录，预计删除后将从 {before} 条减少到 {after} 条记录",
    DONE: "成功合并重复记录，删除了 {removed} 条重复记录，从 {before} 条减少到 {after} 条记录",
}


def _names(data: Mapping[str, Any]) -> tuple[str, str, str]:
    return TOLD if data.get("dry_run") is True else DONE


def _had_summary(exchange: Exchange) -> bool:
    return exchange.response["status"] == 200 and "summary" in old_answer(exchange).data


def _adds_up(answer: Answer) -> bool:
    """Figures, text and groups are about the same records."""
    data = answer.data
    groups_name, ids_name, count_name = names = _names(data)
    summary, groups = data["summary"], data[groups_name]
    before, removed, after = summary["total_records_before"], summary[count_name], summary["total_records_after"]
    is_each = all(len(group[ids_name]) == group["duplicate_count"] - 1 > 0 for group in groups)
    is_summed = removed == sum(len(group[ids_name]) for group in groups) and before - removed == after
    is_told = answer.response == TEXTS[names].format(removed=removed, before=before, after=after)
    return answer.status == 200 and is_each and is_summed and is_told and _are_parts(data, count_name)


def _are_parts(data: Mapping[str, Any], count_name: str) -> bool:
    """The figures of the collections are parts of the sums; one that is named twice counts twice."""
    named, stats = data["collections_processed"], data["summary"]["collections_stats"]
    is_each = all(part["before"] - part[count_name] == part["after"] for part in stats.values())
    sums = sum(stats[name]["before"] for name in named)
    is_once = len(set(named)) == len(named)
    return is_each and set(stats) <= set(named) and (not is_once or sums == data["summary"]["total_records_before"])


def _follows(exchange: Exchange, answer: Answer) -> bool:
    """The recorded duplicates, but for records that are stored or refused otherwise today."""
    old, new = old_answer(exchange).data, answer.data
    named = old["collections_processed"]
    is_same_request = (new["dry_run"], new["collections_processed"]) == (old["dry_run"], named)
    effects = effects_before(exchange, lambda fields: fields.get("training_data_type") in named)
    sizes = [data["summary"]["total_records_before"] for data in (old, new)]
    times = max(Counter(named).values())
    is_sized = effects.explain(sizes[0] // times, sizes[1] // times)
    return is_same_request and _adds_up(answer) and is_sized and _has_the_same_groups(old, new, effects)


def _has_the_same_groups(old: Mapping[str, Any], new: Mapping[str, Any], effects: Effects) -> bool:
    before, after = (_contents(data[_names(data)[0]]) for data in (old, new))
    lost = effects.lost.total() + effects.unknown_lost
    gained = effects.gained.total() + effects.unknown_gained
    return (before - after).total() <= 2 * lost and (after - before).total() <= 2 * gained


def _contents(groups: Sequence[Mapping[str, Any]]) -> Counter[str]:
    """What is there several times, and how often."""
    found = Counter[str]()
    for group in groups:
        found[str(group["document_content"]).strip()] += group["duplicate_count"]
    return found


RULES = (
    Rule(
        "combining-follows",
        "duplicates follow from what was stored, and that differs by the rules about it; groups have no order",
        COMBINE,
        was=_had_summary,
        became=lambda exchange, answer: answer.status == 200 and _follows(exchange, answer),
        covers=r"\$\.data\.(response|summary.*|(duplicate|merged)_groups.*)",
    ),
)
