"""Errors of templates, with Go's texts."""

from __future__ import annotations

from typing import Final

from aiofrp.errors import ConfigError

_LONGEST: Final = 1000  # characters of a message: it may quote megabytes of the template


class TemplateError(ConfigError):
    """A template cannot be read or rendered.

    ``line`` and ``column`` count from 1 (0: unknown); columns are bytes. The text carries them in Go's
    own form, where ``NAME:LINE:COLUMN`` counts columns from 0.
    """

    def __init__(self, message: str, line: int = 0, column: int = 0) -> None:
        super().__init__(message if len(message) <= _LONGEST else message[:_LONGEST] + "…")
        self.line = line
        self.column = column


class CallError(Exception):
    """A template function refuses its arguments; the evaluator adds where."""
