"""Whether the figures of a text were returned by something: rows, a question, a statement (docs/answers.md)."""

from common.figures.checking import CheckedWriting, unknown_figures

__all__ = ["CheckedWriting", "unknown_figures"]
