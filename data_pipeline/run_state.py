"""What is known about a task's runs: which one goes on, which steps are finished, what they wrote. One JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from data_pipeline.task import STEPS, RunResult, StepName, StepResult, TaskSpec
from data_pipeline.task_folder import TaskFolder, checksum, file_checksum

_FILE: Final = "run.json"
_WHAT_COUNTS: Final = ("business_context", "database_name", "tenant", "has_validation", "has_training", "repairs_sql",
                       "modifies_original_file", "backs_up_vectors", "truncates_vectors",
                       "skips_training")  # fmt: skip


class RunState:
    """The bookkeeping of one folder. Every change is on disk before the method returns.

    A run that was killed is still `running` in the file; asked for again in the same way, it goes on.
    """

    def __init__(self, folder: TaskFolder) -> None:
        self._folder = folder
        found = folder.read_state(_FILE)
        self._data: dict[str, Any] = found if isinstance(found, dict) else {"number": 0, "run": {}, "steps": {}}

    @property
    def number(self) -> int:
        """Counts the runs of this folder, from 1."""
        return int(self._data["number"])

    @property
    def stamp(self) -> str:
        """`YYYYMMDD_HHMMSS` of the run's first start."""
        return str(self._data["run"]["stamp"])

    def begin(self, spec: TaskSpec, step: StepName | None, *, resume: bool) -> bool:
        """Start a run, or go on with the last one; True when it goes on.

        Args:
            step: the only step, None for all of them.
            resume: go on with the last run of this kind however it ended; a completed one has nothing left to do.
        """
        last, kind = self._data["run"], step or "complete"
        asked_for = _digest(spec)
        is_same = last.get("kind") == kind and last.get("asked_for") == asked_for
        if is_same and (last.get("status") == "running" or (resume and bool(last.get("status")))):
            self._data["run"]["status"] = "running"
            self._save()
            return True
        self._data["number"] = self.number + 1
        self._data["run"] = {"kind": kind, "asked_for": asked_for, "stamp": spec.stamp, "status": "running"}
        self._save()
        return False

    def note(self, key: str, value: Any) -> None:
        """Remember something of this run."""
        self._data["run"][key] = value
        self._save()

    def noted(self, key: str) -> Any:
        """What `note` remembered in this run, else None."""
        return self._data["run"].get(key)

    def finish_step(
        self, result: StepResult, outputs: Sequence[str], inputs: Mapping[str, str], facts: Mapping[str, Any]
    ) -> None:
        """Remember a completed step: its result, checksums of what it read and wrote, facts later steps need."""
        self._data["steps"][result.step] = {
            "run": self.number,
            "artifact": dict(result.artifact),
            "problems": list(result.problems),
            "duration": result.duration_seconds,
            "inputs": dict(inputs),
            "outputs": {name: file_checksum(self._folder.file(name)) for name in outputs},
            "facts": dict(facts),
        }
        self._save()

    def finished_in_this_run(self, step: StepName) -> StepResult | None:
        """The result of a step this run has completed and whose files are still there, else None."""
        record = self._data["steps"].get(step)
        if record is None or record["run"] != self.number:
            return None
        if any(digest and not self._folder.file(name).exists() for name, digest in record["outputs"].items()):
            return None
        return StepResult(
            step, "completed", record["artifact"], "", tuple(record["problems"]), record["duration"], was_resumed=True
        )

    def facts(self, step: StepName) -> Mapping[str, Any]:
        """What the last completed run of a step left for others, empty when it never ran."""
        record = self._data["steps"].get(step)
        return record["facts"] if record else {}

    def outputs(self, step: StepName) -> dict[str, str]:
        """Files of the last completed run of a step with their checksums."""
        record = self._data["steps"].get(step)
        return dict(record["outputs"]) if record else {}

    def finish(self, result: RunResult) -> None:
        """The run is over."""
        self._data["run"]["status"] = result.status
        self._save()

    def forget_steps(self) -> None:
        """A new complete run starts from nothing, but the last schema stays known."""
        known = self.facts("ddl_generation").get("snapshot")
        self._data["steps"] = {}
        if known:
            self._data["last_snapshot"] = known
        self._save()

    @property
    def last_snapshot(self) -> str | None:
        """The state file with the schema of the last completed first step."""
        found = self.facts("ddl_generation").get("snapshot") or self._data.get("last_snapshot")
        return str(found) if found else None

    def completed_steps(self) -> list[StepName]:
        """Steps this run has completed, in order."""
        return [step for step in STEPS if self._data["steps"].get(step, {}).get("run") == self.number]

    def _save(self) -> None:
        self._folder.write_state(_FILE, self._data)


def _digest(spec: TaskSpec) -> str:
    """Of everything that changes what a run does."""
    return checksum(json.dumps([str(getattr(spec, name)) for name in _WHAT_COUNTS]).encode())
