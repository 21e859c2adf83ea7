"""Prompts as versioned text files, filled without any chance for the filled-in text to become part of the template.

Format of a file: first line `# version: <text>`, the rest a `string.Template` body (`$name`). Used by whoever asks a
model: the agents and the data pipeline, each with a folder of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from common import messages
from common.errors import ConfigurationError

_VERSION_MARK: Final = "# version:"


@dataclass(frozen=True)
class Prompt:
    """One prompt file. `name` is its file name."""

    name: str
    version: str
    template: Template

    def fill(self, **values: str) -> str:
        """The text with every `$name` replaced, in one pass.

        Raises:
            KeyError: a name of the template is missing in `values`.
        """
        return self.template.substitute(values)


class PromptLibrary:
    """All prompts of a directory, read once.

    Raises:
        ConfigurationError: a file is missing its version line.
    """

    def __init__(self, directory: Path) -> None:
        files = sorted(directory.glob("*.txt"))
        self._prompts = {file.stem: _read(file) for file in files}

    def __getitem__(self, name: str) -> Prompt:
        """The prompt of the file `<name>.txt`.

        Raises:
            ConfigurationError: there is no such file.
        """
        try:
            return self._prompts[name]
        except KeyError:
            raise ConfigurationError(messages.PROMPT_FILE_MISSING.format(name=f"{name}.txt")) from None

    @property
    def versions(self) -> Mapping[str, str]:
        """Version by file name, for provenance and cache keys."""
        return {prompt.name: prompt.version for prompt in self._prompts.values()}


def new_fence() -> str:
    """A tag name nobody can guess, so that text between the tags cannot end them."""
    return f"data-{secrets.token_hex(8)}"


def _read(file: Path) -> Prompt:
    first, _, body = file.read_text("utf-8").partition("\n")
    version = first.removeprefix(_VERSION_MARK).strip()
    if not first.startswith(_VERSION_MARK) or not version:
        raise ConfigurationError(messages.PROMPT_FILE_UNVERSIONED.format(name=file.name))
    return Prompt(file.name, version, Template(body.strip()))
