"""The words of a command line that are no flags."""

from __future__ import annotations

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
    if not words and not default:
        raise UsageError(f"{command_line(invocation.path)} needs {what}", invocation.path)
    return words[0] if words else default
