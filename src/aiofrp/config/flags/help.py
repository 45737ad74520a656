"""Usage and help pages, laid out as cobra lays them out. No command of frp is declared here."""

from __future__ import annotations

from collections.abc import Iterable

from aiofrp.config.flags.parse import Command, Flag, Path, command_line, global_flags, own_flags
from aiofrp.config.golang.literals import quote

#: Columns the names of commands take at least (cobra's number).
_NAMES = 11


def help_page(path: Path) -> str:
    """The page that ``--help`` prints for the last command of ``path``, as cobra lays it out."""
    command = path[-1]
    return f"{command.long or command.short}\n\n{usage(path)}"


def usage(path: Path) -> str:
    """How a command is used: what follows an error, and the larger part of its help page."""
    command, name = path[-1], command_line(path)
    parts = ["Usage:"]
    if command.run:
        parts.append(f"  {name}{command.use}")
    if command.commands:
        parts += [f"  {name} [command]", "", "Available Commands:", *_command_lines(command)]
    parts += ["", "Flags:", *flag_lines(own_flags(path))]
    if above := global_flags(path):
        parts += ["", "Global Flags:", *flag_lines(above)]
    if command.commands:
        parts += ["", f'Use "{name} [command] --help" for more information about a command.']
    return "\n".join(parts) + "\n"


def _command_lines(command: Command) -> list[str]:
    below = sorted(command.commands, key=lambda item: item.name)
    width = max(_NAMES, *(len(item.name) for item in below))
    return [f"  {item.name:{width}} {item.short}" for item in below]


def flag_lines(flags: Iterable[Flag]) -> list[str]:
    """A line for each flag, by name, texts in one column."""
    rows = [(_synopsis(flag), _explanation(flag)) for flag in sorted(flags, key=lambda flag: flag.name)]
    width = max(len(left) for left, _ in rows)
    return [f"{left:{width}}   {right}" for left, right in rows]


def _synopsis(flag: Flag) -> str:
    begin = f"  -{flag.short}, --{flag.name}" if flag.short else f"      --{flag.name}"
    return f"{begin} {flag.takes.shown}" if flag.takes.shown else begin


def _explanation(flag: Flag) -> str:
    shown = _default(flag)
    return f"{flag.help} (default {shown})" if shown else flag.help


def _default(flag: Flag) -> str:
    if not flag.default:
        return flag.takes.empty
    if flag.kind == "duration":
        return f"{flag.default:g}s"
    return quote(flag.default) if isinstance(flag.default, str) else str(flag.default).lower()
