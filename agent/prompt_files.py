"""The classic agent's prompts: the text files beside this module. Used by `agent.model_brain`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from core import prompt_files
from core.prompt_files import new_fence

DEFAULT_DIRECTORY: Final = Path(__file__).parent / "prompts"

__all__ = ["DEFAULT_DIRECTORY", "PromptLibrary", "new_fence"]


class PromptLibrary(prompt_files.PromptLibrary):
    """The agent's own directory, unless another is named; raises like its base."""

    def __init__(self, directory: Path = DEFAULT_DIRECTORY) -> None:
        super().__init__(directory)
