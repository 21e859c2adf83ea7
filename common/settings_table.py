"""What a setting is: one row with name, type, default and limits, and how a value is checked against it.

Rows stand in `app_config.SETTINGS` and in modules' own `config.py`; `common.config_service` reads values for them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, cast

from common import messages

SettingValue = str | int | float | bool | tuple[str, ...] | None

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")  # surrogates: bytes of the environment that are no UTF-8
_TRUE: Final = frozenset({"true", "1", "yes", "on"})
_FALSE: Final = frozenset({"false", "0", "no", "off"})
_KINDS: Final = {str: "str", int: "int", float: "float", bool: "bool", tuple: "tuple"}


class InvalidValueError(ValueError):
    """A value does not fit its row; the text says what would (user-facing, without the value)."""


@dataclass(frozen=True)
class Setting:
    """One row of the settings table.

    Attributes:
        name: upper-case name, also the environment variable's.
        type: str, int, float, bool or tuple (a list of texts, comma-separated in the environment).
        default: the value when no source sets one; None marks a setting that may be absent.
        help: one English sentence: what it does and in which unit.
        section: heading it stands under in docs/settings.md and the key of `ConfigService.get_section`.
        secret: never shown; masked in explanations, docs, logs.
        choices: the only values allowed, empty for any.
        minimum: smallest number allowed.
        maximum: largest number allowed.
        schemes: URL schemes allowed; an empty text is always allowed then.
        pattern: regular expression a text must match as a whole; an empty text is always allowed then.
        aliases: older environment variables that set it too; the name itself wins.
        is_environment_only: cannot stand in the settings file, because it is needed to find that file.
        is_effective: False for a name older installations set and nothing reads yet.
    """

    name: str
    type: type
    default: SettingValue
    help: str
    section: str
    secret: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    schemes: tuple[str, ...] = ()
    pattern: str = ""
    aliases: tuple[str, ...] = ()
    is_environment_only: bool = False
    is_effective: bool = True

    def __post_init__(self) -> None:
        if self.type not in _KINDS:
            raise TypeError(f"setting {self.name}: unsupported type {self.type!r}")
        if self.default is not None:
            self.check(self.default)

    def expected(self) -> str:
        """What a value must be, for error messages and documentation."""
        if self.choices:
            return messages.SETTING_EXPECTED["choices"].format(choices=", ".join(self.choices))
        if self.schemes:
            text = ", ".join(f"{scheme}://" for scheme in self.schemes)
            return messages.SETTING_EXPECTED["schemes"].format(schemes=text)
        if self.pattern:
            return messages.SETTING_EXPECTED["pattern"].format(pattern=self.pattern)
        return messages.SETTING_EXPECTED[_KINDS[self.type]] + self._limits()

    def parse(self, text: str) -> SettingValue:
        """The value an environment variable or a form field spells.

        Raises:
            InvalidValueError: the text spells no value this row allows.
        """
        if self.type is str and self.secret:
            return self.check(text)
        text = text.strip()
        if self.type is str:
            return self.check(text)
        if self.type is bool:
            return self.check(_bool(text))
        if self.type is tuple:
            return self.check(tuple(part.strip() for part in text.split(",") if part.strip()))
        if self.type is int:
            return self.check(int(text) if _INTEGER.fullmatch(text) and len(text) < 20 else None)
        return self.check(_float(text))

    def check(self, value: Any) -> SettingValue:
        """`value` in the row's type, lists as tuples and whole numbers as floats where the row says so.

        Raises:
            InvalidValueError: wrong type, outside the limits, not a choice, or not an allowed URL.
        """
        if self.type is tuple and isinstance(value, (list, tuple)):
            value = tuple(value)
        if self.type is float and type(value) is int:
            value = float(value)
        if type(value) is not self.type or not self._is_allowed(value):
            raise InvalidValueError(self.expected())
        return cast("SettingValue", value)

    def _is_allowed(self, value: Any) -> bool:
        if isinstance(value, str):
            return self._is_allowed_text(value)
        if isinstance(value, tuple):
            return all(isinstance(part, str) and not _CONTROL.search(part) for part in value)
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return (self.minimum is None or value >= self.minimum) and (self.maximum is None or value <= self.maximum)

    def _is_allowed_text(self, value: str) -> bool:
        if _CONTROL.search(value):
            return False
        if self.schemes and value:
            return value.partition("://")[0].lower() in self.schemes and "://" in value
        if self.pattern and value:
            return re.fullmatch(self.pattern, value) is not None
        return not self.choices or value in self.choices

    def _limits(self) -> str:
        low, high = _number(self.minimum), _number(self.maximum)
        if low and high:
            return messages.SETTING_EXPECTED["range"].format(minimum=low, maximum=high)
        if low:
            return messages.SETTING_EXPECTED["minimum"].format(minimum=low)
        return messages.SETTING_EXPECTED["maximum"].format(maximum=high) if high else ""


def spell(value: SettingValue) -> str:
    """`value` as it would stand in an environment variable."""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return ",".join(value)
    return value if isinstance(value, str) else json.dumps(value)


def table(rows: Iterable[Setting]) -> dict[str, Setting]:
    """Rows by name.

    Raises:
        ValueError: two rows claim one name or alias.
    """
    found: dict[str, Setting] = {}
    claimed: set[str] = set()
    for row in rows:
        names = {row.name, *row.aliases}
        if names & claimed:
            raise ValueError(f"settings declared twice: {', '.join(sorted(names & claimed))}")
        claimed |= names
        found[row.name] = row
    return found


def _bool(text: str) -> bool | None:
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else None


def _float(text: str) -> float | None:
    try:
        return float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"
