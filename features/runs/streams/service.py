"""Answers a question as a stream in one request: starts a run, or rejoins a lost one, and sends its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from redis.exceptions import RedisError

from common import messages
from common.errors import CituError
from core.logging import get_app_logger
from core.runs.record import RunEvent
from core.runs.watching import Item, LeavingSignal, RunWatching
from features.ask.schemas import AskRequest
from features.runs.schemas import MAX_SEQ
from features.runs.service import TENANT, RunService
from features.runs.streams import rendering
from features.wire.bodies import parse_body
from features.wire.sse import HEARTBEAT, OPENED, frame
from features.wire.values import last_event_id as read_event_id

logger = get_app_logger("streams")


@dataclass(frozen=True)
class StreamRequest:
    """What a stream's address carries: the question's parameters, and how it is watched.

    Attributes:
        query: as sent; `continue_conversation` counts only as the word true.
        last_event_id: `<run>:<seq>` of the last event a client saw before it lost its connection.
    """

    query: Mapping[str, str]
    last_event_id: str | None = None

    @property
    def wants_tokens(self) -> bool:
        return self.query.get("tokens") == "1"

    @property
    def stops_unwatched(self) -> bool:
        return self.query.get("on_disconnect") == "cancel"


@dataclass(frozen=True)
class StreamForm:
    """How the stream of one engine reads its parameters and renders its last event.

    Attributes:
        parse: the query as the engine's question; raises BadRequestError.
        last_event: the historical form of a run's last event.
        refusal: the event for a question that never became a run.
    """

    engine: str
    parse: Callable[[Mapping[str, str]], AskRequest]
    last_event: Callable[[RunEvent], str]
    refusal: Callable[[CituError, Mapping[str, str]], str]


def classic_question(query: Mapping[str, str]) -> AskRequest:
    """
    Raises:
        BadRequestError: no question, or a parameter that is no text.
    """
    continues = query.get("continue_conversation", "").lower() == "true"
    return parse_body(AskRequest, {**query, "continue_conversation": continues})


CLASSIC_FORM = StreamForm(
    engine="classic",
    parse=classic_question,
    last_event=rendering.last_event,
    refusal=lambda error, query: rendering.refusal(error, query.get("routing_mode")),
)


class StreamService:
    """See the module. Every failure is an event: the status was sent before anything was known."""

    def __init__(self, *, runs: RunService, watching: RunWatching) -> None:
        self._runs = runs
        self._watching = watching

    def events(self, form: StreamForm, wanted: StreamRequest, leaving: LeavingSignal | None) -> Iterator[str]:
        """Server-sent events; the first text, a comment, comes before any work."""
        yield OPENED
        try:
            run_id, items = self._followed(form, wanted, leaving)
            for item in items:
                yield from self._frames_of(form, wanted, run_id, item)
        except CituError as error:
            yield frame(form.refusal(error, wanted.query))
        except RedisError:
            logger.warning("a stream lost its run: Redis is away")
            yield frame(rendering.error_event(messages.REDIS_UNAVAILABLE, {"error_type": "store_unavailable"}))

    def _followed(
        self, form: StreamForm, wanted: StreamRequest, leaving: LeavingSignal | None
    ) -> tuple[str, Iterator[Item]]:
        run_id, _, number = (wanted.last_event_id or "").rpartition(":")
        seq = read_event_id(number, MAX_SEQ) if run_id and number else None
        known = self._runs.find(run_id) if seq is not None else None
        user_id = wanted.query.get("user_id")
        is_own = known is not None and (user_id is None or user_id == known.record.user_id)
        if known is not None and seq is not None and is_own and known.record.engine == form.engine:
            return run_id, self._watching.watch(TENANT, run_id, seq, leaving)
        engine = self._runs.engine(form.engine)
        question = form.parse(wanted.query)
        opened = engine.open(question)
        live = self._runs.start_watched(
            engine,
            opened,
            question.question,
            wants_tokens=wanted.wants_tokens,
            stops_unwatched=wanted.stops_unwatched,
        )
        return live.record.id, self._watching.watch_live(live, 0, leaving)

    def _frames_of(self, form: StreamForm, wanted: StreamRequest, run_id: str, item: Item) -> Iterator[str]:
        if item == "quiet":
            yield HEARTBEAT
        elif item.is_last:
            yield frame(form.last_event(item), f"{run_id}:{item.seq}")
        elif item.kind != "text" or wanted.wants_tokens:
            yield frame(item.body, f"{run_id}:{item.seq}")
