"""Running a program of commands: parse the line, then run the command, print its help or print the error.

Usage errors go to standard error, everything else to standard output (docs/protocol/configuration.md §4).
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Sequence

from aiofrp import registry
from aiofrp.cli import signals, streams
from aiofrp.cli.completion import completion
from aiofrp.config.flags.help import help_page, usage
from aiofrp.config.flags.parse import (
    Command,
    Flag,
    Invocation,
    UnknownCommand,
    UsageError,
    command_line,
    find,
    parse,
)
from aiofrp.errors import FrpError
from aiofrp.version import FRP_VERSION

#: The form of log lines: a flag of every command of ``frps`` and ``frpc``.
LOG_FORMAT = Flag(
    "log-format",
    "logform",
    "form of log lines: frp, human or json (human on a terminal, else frp)",
    default="",
)

#: Allocations between two runs of the collector of reference cycles: connections make few, and each run costs latency.
#: While a program is loaded there is nothing for it to find.
_GC_THRESHOLD = (50_000, 20, 20)

_HELP = "aiofrp.cli.program:show_help"


def with_common(root: Command) -> Command:
    """``root`` with the commands every program has: ``help`` and ``completion``."""
    about = f"Help provides help for any command in the application.\nSimply type {root.name} help"
    asks = Command(
        "help",
        "Help about any command",
        run=_HELP,
        long=f"{about} [path to command] for full details.",
        use=" [command] [flags]",
    )
    return root._replace(commands=(*root.commands, completion(root.name), asks))


def run(root: Command, arguments: Sequence[str] | None = None, *, version: str = FRP_VERSION) -> int:
    """Run the command that the line names; ``--version`` prints ``version``. Returns the exit code."""
    gc.set_threshold(*_GC_THRESHOLD)
    streams.prepare()
    signals.pass_over_stray()
    try:
        code = _run(root, sys.argv[1:] if arguments is None else arguments, version)
    except KeyboardInterrupt:  # before or after the loop, which has its own way to end
        return 128 + signal.SIGINT
    return code or printed()


def printed() -> int:
    """The exit code of a command that did what it should, but for what it could not print."""
    error = streams.lost()
    if error is None:
        return 0
    if not streams.is_reader_gone(error):
        print(f"cannot write to standard output: {(error.strerror or str(error)).lower()}", file=sys.stderr)
    return 1


def _run(root: Command, arguments: Sequence[str], version: str) -> int:
    try:
        return _do(parse(root, arguments), version)
    except UnknownCommand as error:
        print(f"Error: {error}\nRun '{command_line(error.path)} --help' for usage.", file=sys.stderr)
    except UsageError as error:
        print(f"Error: {error}\n{usage(error.path)}", file=sys.stderr)
    except FrpError as error:
        print(error, file=sys.stderr)
    return 1


def _do(invocation: Invocation, version: str) -> int:
    """Do what a line asks for; returns the exit code. Raises :class:`~aiofrp.errors.FrpError`."""
    command, asked = invocation.command, invocation.values
    if len(invocation.path) == 1 and asked.get("version") and not asked.get("help"):
        print(version)
        return 0
    if not command.run or asked.get("help"):
        print(help_page(invocation.path), end="")
        return 0
    code: int = registry.resolve(command.run)(invocation)
    return code


def show_help(invocation: Invocation) -> int:
    """``help [command]``: print the help page of a command. Returns the exit code."""
    root = invocation.path[0]
    try:
        path, _ = find(root, invocation.words)
    except UnknownCommand:
        topics = " ".join(f"`{word}`" for word in invocation.words)
        print(f"Unknown help topic [{topics}]\n{usage((root,))}", end="", file=sys.stderr)
    else:
        print(help_page(path), end="")
    return 0
