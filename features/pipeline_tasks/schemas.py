"""The requests of the task routes, as data. Fields, defaults and texts: docs/contract/pipeline.md"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from common import messages
from common.errors import BadRequestError
from common.messages import pipeline_tasks as texts
from data_pipeline.task import STEPS, StepName
from features.pipeline_tasks.repository import SORTABLE, Filters
from features.pipeline_tasks.tables import LONGEST_DB_NAME, LONGEST_TASK_NAME
from features.wire.bodies import parse_body
from features.wire.envelopes import ObjectEnvelope
from features.wire.pages import page_number, page_size
from features.wire.values import Boolean, lenient_int, nullable_text, text_or_empty, wire_text

COMPLETE: Final = "complete"
STATUSES: Final = ("pending", "in_progress", "partial_completed", "completed", "failed")
STATUS_ALIASES: Final = {"running": "in_progress"}
NEVER_A_STATUS: Final = "cancelled"
LONGEST_CONTEXT: Final = 20_000
LONGEST_CONNECTION: Final = 2_000
LONGEST_FILTER: Final = 255
LONGEST_TIME: Final = 64
MOST_DELETED: Final = 1_000
_TIMES: Final = tuple((f"{name}_time_{end}", f"{name}_at", end == "end")
                      for name in ("created", "started", "completed") for end in ("start", "end"))  # fmt: skip


def _text_of_at_most(limit: int) -> BeforeValidator:
    def check(value: Any) -> str | None:
        words = nullable_text(value)
        if words is not None and len(words) > limit:
            raise ValueError("too long")
        return words

    return BeforeValidator(check)


def _as_task_name(value: Any) -> str | None:
    words = nullable_text(value)
    if words is not None and len(words) > LONGEST_TASK_NAME:
        raise PydanticCustomError("wire_text", texts.TASK_NAME_TOO_LONG.format(limit=LONGEST_TASK_NAME))
    return words


def _as_page(value: Any) -> int:
    return page_number(value, texts.PAGE_TOO_SMALL)


def _as_page_size(value: Any) -> int:
    return page_size(value, texts.PAGE_SIZE_WRONG)


def _as_status(value: Any) -> str | None:
    words = text_or_empty(value)
    allowed = (*STATUSES, *STATUS_ALIASES, NEVER_A_STATUS)
    if words and words not in allowed:
        text = texts.STATUS_WRONG.format(value=words[:50], allowed=", ".join(allowed))
        raise PydanticCustomError("wire_text", "{text}", {"text": text})
    return words or None


def _as_keyword(value: Any) -> str | None:
    words = text_or_empty(value)
    if len(words) > 100:
        raise PydanticCustomError("wire_text", texts.KEYWORD_TOO_LONG)
    return words or None


def _as_sort(value: Any) -> str:
    words = wire_text(value)
    if words not in SORTABLE:
        text = texts.SORT_WRONG.format(value=words[:50], allowed=", ".join(SORTABLE))
        raise PydanticCustomError("wire_text", "{text}", {"text": text})
    return words


def _as_order(value: Any) -> str:
    words = wire_text(value).lower()
    if words not in ("asc", "desc"):
        raise PydanticCustomError("wire_text", texts.ORDER_WRONG)
    return words


def _as_mode(value: Any) -> str:
    words = value if isinstance(value, str) else ""
    if words not in (COMPLETE, "step"):
        raise PydanticCustomError("wire_text", texts.MODE_WRONG)
    return words


Filter = Annotated[str | None, _text_of_at_most(LONGEST_FILTER)]
Moment = Annotated[str | None, _text_of_at_most(LONGEST_TIME)]


class NewTask(BaseModel):
    """A task to be made."""

    task_name: Annotated[str | None, BeforeValidator(_as_task_name)] = Field(None, description="At most 255 characters")
    table_list_file: Annotated[str | None, _text_of_at_most(1_000)] = Field(
        None, description="A list shipped with the service; without one the list is uploaded"
    )
    business_context: Annotated[str | None, _text_of_at_most(LONGEST_CONTEXT)] = texts.DEFAULT_CONTEXT
    db_name: Annotated[str | None, _text_of_at_most(LONGEST_DB_NAME)] = Field(None, description="A label only")
    db_connection: Annotated[str | None, _text_of_at_most(LONGEST_CONNECTION)] = Field(
        None, description="The configured business database, or one on an allowed host; its password is not kept"
    )
    enable_sql_validation: Boolean = True
    enable_llm_repair: Boolean = True
    modify_original_file: Boolean = True
    enable_training_data_load: Boolean = True

    @property
    def is_upload_mode(self) -> bool:
        """Whether the list of tables is still to come."""
        return not self.table_list_file


class ExecutionRequest(BaseModel):
    """How a task is to be run. The three vector flags count in complete mode and for `training_load` only."""

    execution_mode: Annotated[str, BeforeValidator(_as_mode)] = Field(COMPLETE, description="complete or step")
    step_name: str | None = Field(None, description="The step, with execution_mode step")
    backup_vector_tables: Boolean = False
    truncate_vector_tables: Boolean = False
    skip_training: Boolean = False

    @property
    def step(self) -> StepName | None:
        """The only step to run, None for all."""
        return None if self.execution_mode == COMPLETE else self.step_name  # type: ignore[return-value]


class TaskQuery(BaseModel):
    """A page of tasks."""

    page: Annotated[int, BeforeValidator(_as_page)] = 1
    page_size: Annotated[int, BeforeValidator(_as_page_size)] = Field(20, description="1 to 100")
    status: Annotated[str | None, BeforeValidator(_as_status)] = Field(None, description=", ".join(STATUSES))
    task_name: Annotated[str | None, BeforeValidator(_as_keyword)] = Field(None, description="Part of the name")
    created_by: Filter = None
    db_name: Filter = None
    created_time_start: Moment = None
    created_time_end: Moment = None
    started_time_start: Moment = None
    started_time_end: Moment = None
    completed_time_start: Moment = None
    completed_time_end: Moment = None
    sort_by: Annotated[str, BeforeValidator(_as_sort)] = "created_at"
    sort_order: Annotated[str, BeforeValidator(_as_order)] = "desc"

    @property
    def times(self) -> list[tuple[str, str, bool, str]]:
        """Parameter, column, whether it is the end, and the text, of each moment given."""
        found = ((name, column, is_end, getattr(self, name)) for name, column, is_end in _TIMES)
        return [entry for entry in found if entry[3]]

    @property
    def filters(self) -> Filters:
        """What to look for."""
        return Filters(
            status=STATUS_ALIASES.get(self.status or "", self.status) if self.status != NEVER_A_STATUS else None,
            is_nothing=self.status == NEVER_A_STATUS,
            task_name=self.task_name,
            created_by=self.created_by or None,
            db_name=self.db_name or None,
            times=[(column, is_end, words) for _, column, is_end, words in self.times],
        )

    @property
    def given(self) -> dict[str, str]:
        """The filters that were given, as they were."""
        names = ("status", "task_name", "created_by", "db_name", *(name for name, _, _ in _TIMES))
        return {name: value for name in names if (value := getattr(self, name))}


class DeletionRequest(BaseModel):
    """For the documentation; read by `parse_deletion`."""

    task_ids: list[str] = Field(description="At most 1000")
    confirm: bool = Field(description="Must be true")
    delete_database_records: bool = False
    continue_on_error: bool = True


class Deletion(BaseModel):
    """Tasks to delete; ids are what the caller sent, of any type."""

    task_ids: list[Any]
    delete_database_records: bool = False
    continue_on_error: bool = True


class ListQuery(BaseModel):
    """A part of the list, newest first."""

    limit: int = 50
    offset: int = 0
    status: str | None = None


def parse_new_task(body: Mapping[str, Any]) -> NewTask:
    """Raises `BadRequestError`."""
    given = {name: value for name, value in body.items() if value is not None or name not in _WITH_DEFAULT}
    return parse_body(NewTask, given)


_WITH_DEFAULT: Final = frozenset(
    {"business_context", "enable_sql_validation", "enable_llm_repair", "modify_original_file",
     "enable_training_data_load"}
)  # fmt: skip


def parse_execution(body: Mapping[str, Any], *, has_vector_flags: bool = True) -> ExecutionRequest:
    """Args: has_vector_flags: whether the entry knows the three vector flags; without them they count for nothing.

    Raises:
        BadRequestError: with the contract's texts.
    """
    flags = ("backup_vector_tables", "truncate_vector_tables", "skip_training")
    given = {name: value for name, value in body.items() if has_vector_flags or name not in flags}
    step_name = given.pop("step_name", None)
    if not isinstance(step_name, str | None):
        raise BadRequestError(_step_text(), invalid_params=["step_name"])
    wanted = parse_body(ExecutionRequest, {name: value for name, value in given.items() if value is not None})
    if wanted.execution_mode == COMPLETE:
        return wanted.model_copy(update={"step_name": None})
    if not step_name:
        raise BadRequestError(texts.STEP_NAME_MISSING, missing_params=["step_name"])
    if step_name not in STEPS:
        raise BadRequestError(_step_text(), invalid_params=["step_name"])
    kept = {} if step_name == "training_load" else dict.fromkeys(flags, False)
    return wanted.model_copy(update={"step_name": step_name, **kept})


def parse_query(body: Mapping[str, Any]) -> TaskQuery:
    """Raises `BadRequestError`."""
    return parse_body(TaskQuery, {name: value for name, value in body.items() if value is not None})


def parse_list(query: Mapping[str, str]) -> ListQuery:
    """A lenient reading: what is no number counts as not given, what is out of range becomes the nearest."""
    limit, offset = lenient_int(query.get("limit"), 50), lenient_int(query.get("offset"), 0)
    status = query.get("status")
    return ListQuery(
        limit=min(max(50 if limit is None else limit, 1), 100),
        offset=min(max(offset or 0, 0), 2**62),
        status=None if not status or "\0" in status else status,
    )


def parse_deletion(body: Mapping[str, Any]) -> Deletion:
    """Checks in the contract's order (section 2.6); raises `BadRequestError`."""
    ids, confirm = body.get("task_ids"), body.get("confirm")
    if not ids:
        raise BadRequestError(texts.IDS_MISSING, missing_params=["task_ids"])
    if not confirm:
        raise BadRequestError(texts.CONFIRM_MISSING, missing_params=["confirm"])
    if confirm is not True and confirm != 1:
        raise BadRequestError(texts.CONFIRM_WRONG)
    if not isinstance(ids, list) or len(ids) > MOST_DELETED:
        raise BadRequestError(texts.IDS_NOT_A_LIST)
    for name in ("delete_database_records", "continue_on_error"):
        if not isinstance(body.get(name), bool | None):
            raise BadRequestError(messages.INVALID_PARAMETER.format(name=name), invalid_params=[name])
    goes_on = body.get("continue_on_error")
    return Deletion(
        task_ids=ids,
        delete_database_records=bool(body.get("delete_database_records")),
        continue_on_error=True if goes_on is None else bool(goes_on),
    )


def _step_text() -> str:
    return texts.STEP_NAME_WRONG.format(steps=", ".join(STEPS))


TaskEnvelope = ObjectEnvelope
