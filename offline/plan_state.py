"""What the steps of building a plan share: the reading, its resolution, titles, and the account of what is used."""

from __future__ import annotations

from offline.joins import JoinGraph
from offline.links import LinkIndex
from offline.moments import Moments
from offline.plan import Absence, Measure, Refusal
from offline.reading import Mention, Reading
from offline.resolving import Option, Resolution
from offline.time_grammar import Clock
from offline.titles import Titles

_ASKING_FORMS = ("share", "growth", "decline", "previous", "year_before", "running", "several", "difference", "ratio")


class PlanState:
    """One resolution of one reading while its plan is built."""

    def __init__(
        self,
        reading: Reading,
        resolution: Resolution,
        clock: Clock,
        index: LinkIndex,
        joins: JoinGraph,
        moments: Moments,
    ) -> None:
        self.reading = reading
        self.resolution = resolution
        self.clock = clock
        self.index = index
        self.joins = joins
        self.moments = moments
        self.root = resolution.root
        self.titles = Titles(is_english=reading.is_english)
        self.used: set[object] = set()
        self.measures: dict[Mention, Measure] = {}
        self.both: list[Absence] = []
        self.event_of_period: Mention | None = None

    def option(self, mention: Mention) -> Option | None:
        return self.resolution.uses.get(mention)

    def uses(self, *kinds: str) -> list[tuple[Mention, Option]]:
        """Mentions in order whose meaning is of these kinds and that are not denied."""
        return [
            (mention, option)
            for mention in self.reading.mentions
            if (option := self.resolution.uses.get(mention)) is not None
            and option.kind in kinds
            and not mention.is_negated
        ]

    def _words(self, tag: str) -> Refusal:
        """The refusal that names the words of a form."""
        tokens = self.reading.tokens
        return Refusal("unknown_generation_failure", tuple(tokens[place].text for place in self.reading.forms[tag]))

    def _is_own_row(self, option: Option) -> bool:
        if option.relation is not self.root:
            return False
        return option.kind == "entity" or (option.field is not None and option.field in self.index.label_of(self.root))

    def _names_rows(self) -> bool:
        """Whether a row of the root is a thing of its own that people name, not one of many records."""
        label = self.index.label_of(self.root)
        is_named = (
            bool(label) and label[0].role not in ("key", "reference") and (not self.root.is_event or label[0].is_unique)
        )
        compares = bool(self.reading.conditions) and not any(m.is_grouped for m in self.reading.mentions)
        lists_rows = any(
            option.kind == "entity"
            and option.relation is self.root
            and (mention.is_listed or mention.is_which or compares)
            for mention, option in self.uses("entity")
        )
        return is_named or lists_rows
