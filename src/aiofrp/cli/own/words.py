"""The words of a command line that are no flags, and the names of flags in errors."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiofrp.config.flags.parse import Invocation, UsageError, command_line


def only_word(invocation: Invocation, what: str, *, default: str = "") -> str:
    """The one word that the command takes; ``what`` names it in errors. Without ``default`` it has to be there.

    Raises :class:`~aiofrp.config.flags.parse.UsageError`.
    """
    words = invocation.words
    if len(words) > 1:
        raise UsageError(
            f"{command_line(invocation.path)} takes one {what}, not also {words[1]}", invocation.path
        )
    if words and not words[0]:
        raise UsageError(f"{command_line(invocation.path)} got an empty word for {what}", invocation.path)
    if not words and not default:
        raise UsageError(f"{command_line(invocation.path)} needs {what}", invocation.path)
    return words[0] if words else default


def in_flags(error: object, flags: Mapping[str, str]) -> str:
    """The text of an error and its hint, with ``flags`` for the keys of the files: their user has typed no key."""
    keys = "|".join(map(re.escape, flags))
    text = re.sub(rf"(?<![\w.])(?:{keys})(?![\w.]*\w)", lambda found: flags[found[0]], str(error))
    return text.replace(". With loginFailExit enabled, no additional retries will be attempted", "")
