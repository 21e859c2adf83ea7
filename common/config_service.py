"""One read of all settings into a snapshot that never changes; the container and the entries get their values here.

Precedence: environment, then `.env`, then `data/system_settings.json`, then the table. An empty variable counts as
not set, so that `NAME=` in a compose file falls through to the next source.
"""

from __future__ import annotations

import difflib
import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from dotenv import dotenv_values

from common import messages
from common.errors import ConfigurationError
from common.secret_masking import MaskedDict, mask_secret, mask_text, url_passwords
from common.settings_file import SettingsFile
from common.settings_table import InvalidValueError, Setting, SettingValue, spell, table

_UNSET: Final = object()
_logger = logging.getLogger("app.settings")


class Source(StrEnum):
    """Where a value comes from, the strongest first."""

    ENVIRONMENT = "environment"
    DOTENV = "dotenv"
    FILE = "file"
    TABLE = "table"


class UnknownSettingError(KeyError):
    """Nobody declared a setting (or section) of this name; the text suggests the nearest one."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Explanation:
    """A setting as people may see it.

    Attributes:
        name: the setting.
        value: its effective value, spelled as in the environment; masked when secret.
        source: where that value comes from.
        is_shadowed: the settings file has a value too, which a stronger source hides.
        help: the row's sentence.
    """

    name: str
    value: str
    source: Source
    is_shadowed: bool
    help: str


@dataclass(frozen=True)
class _Snapshot:
    values: Mapping[str, SettingValue] = field(repr=False)
    sources: Mapping[str, Source]
    shadowed: frozenset[str]
    unknown: tuple[str, ...]


class ConfigService:
    """The settings of this process.

    Args:
        rows: every row of the application.
        environ: the process environment; copied, later changes to it do nothing until `reload`.
        dotenv_path: the `.env` file, which need not exist; None for none.
        settings_path: the JSON file `set` writes, which need not exist.

    Raises:
        ConfigurationError: any value that does not fit its row, all of them in one message; or a corrupt file.
    """

    def __init__(
        self, rows: Iterable[Setting], *, environ: Mapping[str, str], dotenv_path: Path | None, settings_path: Path
    ) -> None:
        self._rows = table(rows)
        self._environ = environ
        self._dotenv_path = dotenv_path
        self._file = SettingsFile(settings_path)
        self._writing = threading.Lock()
        self._snapshot = self._read()

    def __repr__(self) -> str:
        given = sum(source is not Source.TABLE for source in self._snapshot.sources.values())
        return f"ConfigService({len(self._rows)} settings, {given} set, file={str(self._file.path)!r})"

    @property
    def rows(self) -> tuple[Setting, ...]:
        """Every declared row, in the order given."""
        return tuple(self._rows.values())

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """Names in the settings file that no row declares; they are kept there and otherwise ignored."""
        return self._snapshot.unknown

    def get(self, name: str, default: Any = _UNSET) -> Any:
        """The value of a setting, or `default` when neither a source nor the table gives one.

        Raises:
            UnknownSettingError: no row declares the name.
        """
        self._row(name)
        value = self._snapshot.values[name]
        return default if value is None and default is not _UNSET else value

    def is_set(self, name: str) -> bool:
        """Whether a source other than the table gives the value."""
        self._row(name)
        return self._snapshot.sources[name] is not Source.TABLE

    def get_section(self, section: str) -> MaskedDict:
        """All values of one section by name; secrets are inside, but not in its repr.

        Raises:
            UnknownSettingError: no row stands in such a section.
        """
        snapshot = self._snapshot
        found = MaskedDict(
            {name: snapshot.values[name] for name, row in self._rows.items() if row.section == section},
            hidden=frozenset(name for name, row in self._rows.items() if row.secret),
        )
        if not found:
            raise UnknownSettingError(f"no settings section {section!r}")
        return found

    def explain(self, name: str) -> Explanation:
        """Value (masked if secret) and source of one setting.

        Raises:
            UnknownSettingError: no row declares the name.
        """
        row, snapshot = self._row(name), self._snapshot
        value = snapshot.values[name]
        shown = mask_secret(value) if row.secret else mask_text(spell(value))
        return Explanation(name, shown, snapshot.sources[name], name in snapshot.shadowed, row.help)

    def secret_values(self) -> tuple[str, ...]:
        """Every secret in use, for the log redaction to look for. URLs count by their passwords, not as a whole."""
        snapshot = self._snapshot
        found: list[str] = []
        for name, row in self._rows.items():
            text = spell(snapshot.values[name]) if row.secret else ""
            found += url_passwords(text) if row.schemes else [text] * bool(text)
        return tuple(found)

    def set(self, name: str, value: SettingValue) -> Explanation:
        """Write one value to the settings file (None removes it) and read everything again.

        Returns:
            What is in force now: `is_shadowed` tells that a stronger source still hides the written value.

        Raises:
            UnknownSettingError: no row declares the name.
            ConfigurationError: the value does not fit the row, or the file cannot be written.
        """
        row = self._row(name)
        checked = None if value is None else self._checked_for_file(row, value)
        with self._writing:
            self._file.write(name, checked)
            self._snapshot = self._read()
        explanation = self.explain(name)
        if explanation.is_shadowed:
            _logger.warning("setting %s was written but stays hidden by the %s", name, explanation.source)
        return explanation

    def reload(self) -> None:
        """Read all sources again and swap the whole snapshot; on an error the old one stays in force.

        Raises:
            ConfigurationError: as at the start.
        """
        with self._writing:
            self._snapshot = self._read()

    def _row(self, name: str) -> Setting:
        row = self._rows.get(name)
        if row is None:
            near = difflib.get_close_matches(name, self._rows, n=1)
            raise UnknownSettingError(f"no setting {name!r}" + (f", did you mean {near[0]}?" if near else ""))
        return row

    def _read(self) -> _Snapshot:
        environment, dotenv, file = dict(self._environ), self._read_dotenv(), self._file.read()
        values: dict[str, SettingValue] = {}
        sources: dict[str, Source] = {}
        problems: list[str] = []
        for name, row in self._rows.items():
            raw, sources[name] = _strongest(row, environment, dotenv, file)
            try:
                _refuse_environment_only(row, sources[name])
                values[name] = row.default if sources[name] is Source.TABLE else _typed(row, raw)
            except InvalidValueError as error:
                problems.append(self._problem(row, raw, sources[name], error))
        if problems:
            raise ConfigurationError("\n- ".join((messages.SETTINGS_INVALID, *problems)))
        stronger = (Source.ENVIRONMENT, Source.DOTENV)
        shadowed = frozenset(name for name in file if sources.get(name) in stronger)
        unknown = tuple(sorted(set(file) - set(self._rows)))
        if unknown:
            _logger.warning("%s has unknown settings, kept but not used: %s", self._file.path, ", ".join(unknown))
        return _Snapshot(MappingProxyType(values), MappingProxyType(sources), shadowed, unknown)

    def _read_dotenv(self) -> dict[str, str]:
        if self._dotenv_path is None or not self._dotenv_path.exists():
            return {}
        try:
            found = dotenv_values(self._dotenv_path, interpolate=False, encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            text = messages.SETTINGS_FILE_UNREADABLE.format(path=self._dotenv_path, reason=type(error).__name__)
            raise ConfigurationError(text) from error
        return {name: value for name, value in found.items() if value is not None}

    def _checked_for_file(self, row: Setting, value: SettingValue) -> SettingValue:
        try:
            _refuse_environment_only(row, Source.FILE)
            return _typed(row, value)
        except InvalidValueError as error:
            raise ConfigurationError(self._problem(row, value, "caller", error)) from error

    def _problem(self, row: Setting, raw: object, source: str, error: InvalidValueError) -> str:
        place = messages.SETTING_SOURCES[source].format(dotenv_path=self._dotenv_path, settings_path=self._file.path)
        shown = messages.SETTING_HIDDEN
        if not row.secret:
            shown = messages.SETTING_SHOWN.format(value=mask_text(repr(raw)[:100]))
        return messages.SETTING_PROBLEM.format(name=row.name, source=place, shown=shown, expected=error)


def _strongest(
    row: Setting, environment: Mapping[str, str], dotenv: Mapping[str, str], file: Mapping[str, Any]
) -> tuple[object, Source]:
    for source, variables in ((Source.ENVIRONMENT, environment), (Source.DOTENV, dotenv)):
        for name in (row.name, *row.aliases):
            if variables.get(name, "").strip():
                return variables[name], source
    if file.get(row.name) is not None:
        return file[row.name], Source.FILE
    return row.default, Source.TABLE


def _typed(row: Setting, raw: object) -> SettingValue:
    return row.parse(raw) if isinstance(raw, str) else row.check(raw)


def _refuse_environment_only(row: Setting, source: Source) -> None:
    if row.is_environment_only and source is Source.FILE:
        raise InvalidValueError(messages.SETTING_EXPECTED["environment_only"])
