"""`data/system_settings.json` on disk: read whole, replaced whole, never torn. Used by `common.config_service` only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from common import messages
from common.errors import ConfigurationError

_LOCK_WAIT_SECONDS: Final = 10.0


class SettingsFile:
    """A JSON object of setting names and values; a missing file is an empty object."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, Any]:
        """Everything in the file, unknown names included.

        Raises:
            ConfigurationError: the file is there but unreadable or not a JSON object; the message names it.
        """
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError as error:
            raise ConfigurationError(messages.SETTINGS_FILE_NOT_TEXT.format(path=self.path)) from error
        except OSError as error:
            raise self._failed(messages.SETTINGS_FILE_UNREADABLE, error) from error
        return self._parsed(text)

    def write(self, name: str, value: Any) -> None:
        """Set one member, or remove it when `value` is None; the others stay as they are.

        The new file is complete on disk before it takes the old one's place. It is readable by its owner only.

        Raises:
            ConfigurationError: unwritable, locked for 10 seconds, or corrupt (then it is left as it is).
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._locked():
                members = self.read()
                if value is None:
                    members.pop(name, None)
                else:
                    members[name] = list(value) if isinstance(value, tuple) else value
                self._replace(json.dumps(members, ensure_ascii=False, indent=2, sort_keys=True) + "\n")
        except OSError as error:
            raise self._failed(messages.SETTINGS_FILE_UNWRITABLE, error) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = FileLock(f"{self.path}.lock", timeout=_LOCK_WAIT_SECONDS, mode=0o600)
        try:
            with lock:
                yield
        except Timeout as error:
            raise ConfigurationError(messages.SETTINGS_FILE_LOCKED.format(path=self.path)) from error

    def _replace(self, text: str) -> None:
        """Only called under the lock, so one temporary name is enough and a crash leaves at most one behind."""
        temporary = self.path.with_name(self.path.name + ".tmp")
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _parsed(self, text: str) -> dict[str, Any]:
        try:
            members = json.loads(text)
        except (ValueError, RecursionError) as error:
            line = getattr(error, "lineno", 1)
            raise ConfigurationError(messages.SETTINGS_FILE_NOT_JSON.format(path=self.path, line=line)) from error
        if not isinstance(members, dict):
            raise ConfigurationError(messages.SETTINGS_FILE_NOT_OBJECT.format(path=self.path))
        return members

    def _failed(self, text: str, error: OSError) -> ConfigurationError:
        return ConfigurationError(text.format(path=self.path, reason=error.strerror or type(error).__name__))
