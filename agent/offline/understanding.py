"""What makes a plan doubtful: words, ranks, periods and numbers of the question that it does not honour.

Used by `planner`. A doubt either refuses outright or costs so much that the question is not answered: a wrong number
is worse than none.
"""

from __future__ import annotations

from agent.offline.plan import Plan, Refusal
from agent.offline.reading import ConceptMention, Reading
from agent.offline.schema_index import SchemaIndex

_ASIDE_COST, _UNUSED_COST, _MOST_ASIDE = 0.02, 0.4, 0.2
_EACH = ("每", "各", "逐", "按", "every", "each", "per", "by")
_SURE, _DOUBT = 0.95, 0.5
_COMPARING = {"contrast", "mom", "yoy", "growth", "and", "versus"}
_ASKING = {"list", "which_many", "which_one", "group", "distinct", "detail", "count", "records", "absent", "multiple"}


def refusal_of(reading: Reading, index: SchemaIndex) -> Refusal | None:
    """Why the reading cannot be planned at all, or None."""
    if reading.unknown:
        return Refusal("missing_database_info", "、".join(reading.unknown))
    if "blocking" in reading.tags:
        return Refusal("unknown_generation_failure", _words(reading, "blocking"))
    if reading.is_empty:
        return Refusal("missing_database_info")
    vague = [token.text for token in reading.tokens if token.text in index.vocabulary.vague]
    if vague and not (reading.measures or reading.counted or {"count", "records"} & reading.tags):
        return Refusal("ambiguous_question", "、".join(vague))
    return None


def reading_confidence(reading: Reading) -> float:
    """How much of the question was understood: unknown text in brackets and words without a use cost."""
    aside = sum(len(text) for text in reading.aside)
    return _SURE - min(_MOST_ASIDE, _ASIDE_COST * aside) - _UNUSED_COST * len(reading.unused)


def plan_confidence(plan: Plan, reading: Reading, index: SchemaIndex) -> float:
    """The confidence 0..1 that the plan says what the question says."""
    doubts = (
        len(plan.conditions) < len(reading.comparisons) + (reading.multiple >= 0),
        len(reading.periods) > 2,
        {"weekend", "workday"} <= reading.tags,
        reading.absent >= 0,
        _lacks_share(plan, reading),
        _lacks_change(plan, reading),
        plan.compared is not None and not _COMPARING & reading.tags,
        len(reading.periods) > 1 and plan.compared is None and not _spans(plan, reading),
        "conflict" in reading.tags and reading.multiple < 0,
        _is_unranked(plan, reading),
        _counts_itself(plan, index),
        _sums_what_it_restricts(plan),
        _is_bare_listing(plan, reading),
        _has_idle_noun(plan, reading),
        _is_about_changes(plan, reading),
        _has_open_end(plan, reading),
        _asks_which(plan, reading),
        {"first", "last"} <= reading.tags,
        _forgets_count(plan, reading),
        _contrasts_one(plan, reading),
        _names_in_two_columns(plan),
        _compares_with_nothing(reading),
        "detail" in reading.tags and bool(plan.measures) and not plan.dimensions and plan.bucket is None,
        _ranks_within(plan, reading),
        _joins_by_or(reading),
        _compares_measures(reading),
        _averages_groups(reading),
        _names_a_part(reading),
        _runs_up(plan, reading),
        says_each_bucket(plan, reading) and not plan.is_best_of_each and reading.limit == 1,
    )
    return max(0.0, reading_confidence(reading) - _DOUBT * sum(doubts))


def _lacks_share(plan: Plan, reading: Reading) -> bool:
    has_share = plan.family_title or any(m.is_share or m.denominator for m in plan.measures)
    return "share" in reading.tags and not has_share


def _lacks_change(plan: Plan, reading: Reading) -> bool:
    has_change = plan.measures and (plan.compared or plan.has_growth)
    return bool({"growth", "mom", "yoy"} & reading.tags) and not has_change


def _names_in_two_columns(plan: Plan) -> bool:
    """Names of one kind of thing looked for in two columns: no row has both."""
    labels = {f.column.key: f.column.concept for f in plan.filters if f.column.role == "label"}
    return len(set(labels.values())) < len(labels)


def _forgets_count(plan: Plan, reading: Reading) -> bool:
    """昨天有营收的服务区数量: the things were to be counted and the plan sums."""
    counts = any(measure.aggregate in ("count", "count_distinct") for measure in plan.measures)
    honoured = counts or plan.counted_title or plan.conditions or plan.absence
    return bool(reading.counted) and not honoured


def _contrasts_one(plan: Plan, reading: Reading) -> bool:
    """庐山服务区与全省平均营收的对比: one number has nothing beside it."""
    is_one = not plan.dimensions and plan.bucket is None and plan.compared is None and len(plan.measures) == 1
    return "contrast" in reading.tags and is_one and not plan.family_title


def _asks_which(plan: Plan, reading: Reading) -> bool:
    """营收最高的是哪个: the thing is asked for and the plan has only its number."""
    is_number = not plan.dimensions and plan.bucket is None and not plan.family_title
    return is_number and "which_one" in reading.tags and any(m.aggregate in ("max", "min") for m in plan.measures)


def _spans(plan: Plan, reading: Reading) -> bool:
    """The plan's period reaches from the first to the last one said."""
    period = plan.period
    return period is not None and (period.start, period.end) == (reading.periods[0].start, reading.periods[-1].end)


def says_each_bucket(plan: Plan, reading: Reading) -> bool:
    """每月营收最高的服务区: a word for every month stands before the superlative."""
    tokens = reading.tokens[: max(reading.rank_position, 0)]
    each = any(t.is_word(plan.bucket or "") and t.text.startswith(_EACH) for t in tokens)
    return each and bool({"rank_desc", "rank_asc"} & reading.tags)


def _is_about_changes(plan: Plan, reading: Reading) -> bool:
    """A period that could only be when a row was entered though nobody asked for that, or the other way round."""
    audit = plan.date_column is not None and plan.date_column.role == "audit"
    if not {"created", "updated"} & reading.tags:
        return bool(reading.periods) and audit
    is_counted = any(measure.aggregate in ("count", "count_distinct", "max", "min") for measure in plan.measures)
    return not (is_counted or reading.periods or plan.bucket or plan.updated_only)


def _has_open_end(plan: Plan, reading: Reading) -> bool:
    """营收高的服务区: the question ends with a noun that is neither listed nor counted."""
    last = reading.tokens[-1] if reading.tokens else None
    if last is None or last.kind != "concept" or last.is_aside or not plan.measures or plan.counted_title:
        return False
    concepts = {column.concept for column in last.concepts}
    shown = {d.column.concept for d in plan.dimensions} | {f.column.concept for f in plan.filters}
    counted = any(mention.position == len(reading.tokens) - 1 for mention in reading.counted)
    owned = any(column.table == plan.base for column in last.concepts) and plan.measures[0].column is None
    return not (concepts & shown or counted or owned)


def _ranks_within(plan: Plan, reading: Reading) -> bool:
    """每个公司营收前3的服务区: several of each group, which one LIMIT cannot give."""
    if plan.is_best_of_each or (reading.limit or 1) < 2 or len(plan.dimensions) + (plan.bucket is not None) < 2:
        return False
    tokens = reading.tokens
    before = any(t.is_word("group") or t.text.startswith(_EACH) for t in tokens[: reading.rank_position])
    return before and any(t.kind == "concept" for t in tokens[reading.rank_position + 1 :])


def _joins_by_or(reading: Reading) -> bool:
    return len(reading.comparisons) > 1 and any(token.text in ("或", "或者", "or") for token in reading.tokens)


def _compares_with_nothing(reading: Reading) -> bool:
    """营收比上月增长: the period compared with is said, the other is not."""
    tokens = reading.tokens
    compares = any(t.is_word("versus") and tokens[i + 1].kind == "period" for i, t in enumerate(tokens[:-1]))
    return compares and len(reading.periods) == 1


def _compares_measures(reading: Reading) -> bool:
    """支付总金额等于微信: two measures of one row against each other."""
    tokens = reading.tokens
    equal = [i for i, token in enumerate(tokens[:-1]) if i and token.text in ("等于", "=")]
    return any(tokens[i - 1].kind == tokens[i + 1].kind == "measure" for i in equal)


def _averages_groups(reading: Reading) -> bool:
    """平均每家公司: the mean over groups of a total, which is not the mean over rows."""
    tokens = reading.tokens
    for i, token in enumerate(tokens[:-1]):
        if not token.is_word("agg_avg"):
            continue
        if tokens[i + 1].kind == "concept" and token.text.endswith("每个"):
            return True
        if i + 2 < len(tokens) and tokens[i + 1].is_word("group") and tokens[i + 2].kind == "concept":
            return True
    return False


def _names_a_part(reading: Reading) -> bool:
    """停车区: a noun that only a few of the names end with means those, not all."""
    for token in reading.tokens:
        if token.kind != "concept" or token.is_aside:
            continue
        for column in token.concepts:
            names = column.column.values
            ending = sum(name.endswith(token.text) for name in names) if column.role == "label" else 0
            if token.text != column.concept and 0 < 2 * ending < len(names):
                return True
    return False


def _runs_up(plan: Plan, reading: Reading) -> bool:
    """逐日累计: a running total is not modelled."""
    return plan.bucket is not None and any(token.text in ("累计", "cumulative") for token in reading.tokens)


def _is_unranked(plan: Plan, reading: Reading) -> bool:
    """A ranking or 前N was asked for and there is nothing to rank."""
    if reading.rank_position < 0 or plan.dimensions or plan.bucket or plan.family_title:
        return False
    is_extreme = any(measure.aggregate in ("max", "min") for measure in plan.measures)
    return "rank" in reading.tags or (reading.limit is not None and reading.limit > 1) or not is_extreme


def _counts_itself(plan: Plan, index: SchemaIndex) -> bool:
    """Rows of a table counted for each of its own names: always one."""
    if not plan.measures or not plan.dimensions or plan.bucket or plan.conditions:
        return False
    if any(measure.column is not None or measure.only for measure in plan.measures):
        return False
    for dimension in plan.dimensions:
        owner = index.owner(dimension.column.concept)
        if dimension.column.table == plan.base and owner is not None and owner.name == plan.base:
            return True
    return False


def _sums_what_it_restricts(plan: Plan) -> bool:
    """营收超过1000的记录: the sum of the rows that pass is not what was asked."""
    on_rows = {c.measure.column.key for c in plan.conditions if c.on_rows and c.measure.column}
    grouped = plan.dimensions or plan.bucket
    return not grouped and any(m.column and m.column.key in on_rows for m in plan.measures)


def _is_bare_listing(plan: Plan, reading: Reading) -> bool:
    """服务区怎么样: only a noun, and a word that asks for more than names."""
    is_listing = not (plan.measures or plan.filters or plan.conditions or plan.absence)
    return is_listing and "how" in reading.tags and not _ASKING & reading.tags


def _has_idle_noun(plan: Plan, reading: Reading) -> bool:
    """A noun outside brackets that nothing in the plan is about."""
    used = {dimension.column.concept for dimension in plan.dimensions}
    used |= {condition.column.concept for condition in plan.filters}
    used |= {m.column.concept for m in plan.measures if m.column}
    used |= {c.measure.column.concept for c in plan.conditions if c.measure.column}
    return any(_is_idle(mention, plan, used, reading) for mention in reading.loose)


def _is_idle(mention: ConceptMention, plan: Plan, used: set[str], reading: Reading) -> bool:
    token = reading.tokens[mention.position]
    if token.is_aside or token.is_whole or mention.position in reading.scoped:
        return False
    tables = {column.table for column in mention.columns}
    return not {column.concept for column in mention.columns} & used and plan.base not in tables


def _words(reading: Reading, tag: str) -> str:
    return "、".join(token.text for token in reading.tokens if token.is_word(tag))
