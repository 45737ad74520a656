"""Commands, flags and the parser of command lines, by the rules of Go's cobra.

``--name value``, ``--name=value``, ``-c value``, ``-cvalue``, ``-c=value``; a boolean takes a value only with
``=``; flags and words mix; ``_`` and ``-`` are the same in a flag's name; ``--`` ends the flags
(docs/protocol/configuration.md §4).
Written by hand: the parsers of Python's libraries read such lines otherwise. No flag of frp is declared here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiofrp.config.flags.ownkinds import FlagValueError, shown
from aiofrp.config.flags.values import KINDS, ValueKind, read_bool
from aiofrp.config.golang.literals import quote
from aiofrp.errors import ConfigError, FrpError

#: Commands this near to an unknown one are suggested (cobra's number).
_NEAR = 2


class Flag(NamedTuple):
    """One flag of a command, as it is declared."""

    name: str  #: with dashes, without the leading ones
    kind: str  #: a key of :data:`aiofrp.config.flags.values.KINDS`
    help: str
    short: str = ""
    default: Any = None
    path: str = ""  #: the attribute of the configuration it sets, dotted
    word: bool = False  #: a boolean that also takes ``true`` or ``false`` as the next word

    @property
    def label(self) -> str:
        """The flag as error texts name it: ``-c, --config``."""
        return f"-{self.short}, --{self.name}" if self.short else f"--{self.name}"

    @property
    def takes(self) -> ValueKind:
        """The kind of the flag's value: how its text is read and shown."""
        return KINDS[self.kind]


class Command(NamedTuple):
    """A command, its flags and the commands below it, as they are declared."""

    name: str
    short: str  #: one line for lists of commands
    run: str = (
        ""  #: import string of a function that takes an :class:`Invocation`; without one it shows its help
    )
    flags: tuple[Flag, ...] = ()
    inherited: tuple[Flag, ...] = ()  #: also flags of the commands below
    commands: tuple[Command, ...] = ()
    long: str = ""  #: the beginning of the help page, if longer than ``short``
    use: str = " [flags]"  #: what follows the name in usage lines
    wordless: bool = False  #: further words are refused, not ignored

    def find(self, name: str) -> Command | None:
        """The command below that is called ``name``."""
        return next((command for command in self.commands if command.name == name), None)


Path = tuple[Command, ...]
"""A command with all those above it, the program first."""


class Invocation:
    """A parsed command line: the command, its flags' values and its further words."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[str, Any] = {}  #: of the flags that were given, by name
        self.words: list[str] = []

    @property
    def command(self) -> Command:
        """The command that was asked for, the last of the path."""
        return self.path[-1]

    def value(self, name: str) -> Any:
        """The value of the flag called ``name``, or its default if it was not given."""
        if name in self.values:
            return self.values[name]
        return next(flag.default for flag in all_flags(self.path) if flag.name == name)


class UsageError(FrpError):
    """A command line that cannot be parsed; ``path`` is the command whose help explains it."""

    def __init__(self, message: str, path: Path) -> None:
        super().__init__(message)
        self.path = path


class UnknownCommand(UsageError):
    """The program has no command of the name that was typed."""


def command_line(path: Path) -> str:
    """The names of a command and those above it, as a user types them: ``frpc stcp visitor``."""
    return " ".join(command.name for command in path)


def help_flag(path: Path) -> Flag:
    """The flag ``--help``, which every command has."""
    return Flag("help", "bool", f"help for {path[-1].name}", short="h", default=False)


def own_flags(path: Path) -> list[Flag]:
    """The flags that are declared at the command itself, and ``--help``."""
    return [*path[-1].flags, *path[-1].inherited, help_flag(path)]


def global_flags(path: Path) -> list[Flag]:
    """The flags a command has from those above."""
    return [flag for command in reversed(path[:-1]) for flag in command.inherited]


def all_flags(path: Path) -> list[Flag]:
    """Every flag a command takes; of two with one name the nearer is first."""
    return own_flags(path) + global_flags(path)


# Parsing


def parse(root: Command, arguments: Sequence[str]) -> Invocation:
    """What ``arguments``, without the program's name, ask ``root`` to do. Raises :class:`UsageError`, and
    :class:`~aiofrp.errors.ConfigError` for a value that a flag of ``aiofrp`` cannot have."""
    path, rest = find(root, arguments)
    parser = _Parser(path)
    parser.parse(rest)
    invocation = parser.invocation
    asked = invocation.values.get("help")
    if path[-1].wordless and invocation.words and not asked:
        raise UsageError(
            f"unknown command {quote(invocation.words[0])} for {quote(command_line(path))}", path
        )
    return invocation


def read_flags(command: Command, arguments: Sequence[str]) -> Invocation:
    """The flags in ``arguments``, which are all for ``command``; other words are kept. Raises :class:`UsageError`."""
    parser = _Parser((command,))
    parser.parse(arguments)
    return parser.invocation


def find(root: Command, arguments: Sequence[str]) -> tuple[Path, list[str]]:
    """The command ``arguments`` name, and the arguments without its names. Raises :class:`UnknownCommand`."""
    path: Path = (root,)
    rest = list(arguments)
    while (at := _first_word(path, rest)) is not None:
        command = path[-1].find(rest[at])
        if command is None:
            break
        path = (*path, command)
        del rest[at]
    if len(path) == 1 and at is not None:
        text = f"unknown command {quote(rest[at])} for {quote(root.name)}"
        raise UnknownCommand(text + _suggestions(root, rest[at]), path)
    return path, rest


def _first_word(path: Path, arguments: list[str]) -> int | None:
    """The index of the first argument that is neither a flag nor a flag's value; None if there is none."""
    lookup = _Lookup(path)
    at = 0
    while at < len(arguments) and arguments[at] != "--":
        text = arguments[at]
        if text and not text.startswith("-"):
            return at
        at += 1
        long = text.startswith("--")
        if "=" in text or not (long or len(text) == 2):
            continue
        flag = lookup.long(text[2:]) if long else lookup.short(text[1])
        if flag is None or not flag.takes.alone or (flag.word and _is_bool("".join(arguments[at : at + 1]))):
            at += 1
    return None


def _suggestions(root: Command, typed: str) -> str:
    typed = typed.lower()
    near = [
        name
        for name in sorted(command.name for command in root.commands)
        if name.startswith(typed) or _distance(typed, name) <= _NEAR
    ]
    return "\n\nDid you mean this?\n" + "".join(f"\t{name}\n" for name in near) if near else ""


def _distance(left: str, right: str) -> int:
    """Insertions, deletions and replacements that make one text of the other."""
    if len(left) > len(right) + _NEAR:  # far apart, and maybe very long
        return len(left) - len(right)
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        before, row[0] = row[0], i
        for j, b in enumerate(right, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]


class _Lookup:
    """The flags of a command by name."""

    def __init__(self, path: Path) -> None:
        flags = all_flags(path)[::-1]  # a flag of a command replaces one of a command above it
        self._long = {flag.name: flag for flag in flags}
        self._short = {flag.short: flag for flag in flags if flag.short}

    def long(self, name: str) -> Flag | None:
        """The flag called ``name``, in which ``_`` means ``-``; None if the command has no such flag."""
        return self._long.get(name.replace("_", "-"))

    def short(self, letter: str) -> Flag | None:
        """The flag of one letter; None if the command has no such flag."""
        return self._short.get(letter)


class _Parser:
    """Reads the arguments of one command."""

    def __init__(self, path: Path) -> None:
        self.invocation = Invocation(path)
        self._lookup = _Lookup(path)
        self._queue: deque[str] = deque()  # the arguments not read yet

    def parse(self, arguments: Sequence[str]) -> None:
        """Fill :attr:`invocation` from ``arguments``. Raises :class:`UsageError` at the first that is wrong."""
        self._queue.extend(arguments)
        while self._queue:
            text = self._queue.popleft()
            if text == "--":
                break
            if text.startswith("--"):
                self._long(text)
            elif text.startswith("-") and text != "-":
                self._letters(text[1:])
            else:
                self.invocation.words.append(text)
        self.invocation.words.extend(self._queue)

    def _long(self, text: str) -> None:
        name, equals, value = text[2:].partition("=")
        if not name or name.startswith("-"):
            raise self._error(f"bad flag syntax: {text}")
        flag = self._lookup.long(name)
        if flag is None:
            raise self._error(f"unknown flag: --{name}")
        self._set(flag, value if equals else self._value(flag, text))

    def _letters(self, letters: str) -> None:
        """Flags of one letter, several in one word; the last may have its value there too."""
        while letters:
            flag = self._lookup.short(letters[0])
            if flag is None:
                raise self._error(f"unknown shorthand flag: {_character(letters[0])} in -{letters}")
            rest = letters[1:]
            if rest[:1] == "=" and len(rest) > 1:
                value, rest = rest[1:], ""
            elif rest and not flag.takes.alone:
                value, rest = rest, ""
            else:
                value = self._value(flag, f"{_character(letters[0])} in -{letters}")
            self._set(flag, value)
            letters = rest

    def _value(self, flag: Flag, shown: str) -> str:
        """The value of a flag that does not have it in its own word."""
        if flag.takes.alone:
            return self._queue.popleft() if flag.word and self._queue and _is_bool(self._queue[0]) else "true"
        if not self._queue:
            raise self._error(f"flag needs an argument: {shown}")
        return self._queue.popleft()

    def _set(self, flag: Flag, text: str) -> None:
        values, name = self.invocation.values, flag.name
        try:
            value = flag.takes.read(text)
        except FlagValueError as error:
            raise ConfigError(f"--{name} {shown(text)} {error}") from None
        except (ValueError, FrpError) as error:
            message = f"invalid argument {quote(text)} for {quote(flag.label)} flag: {error}"
            raise self._error(message) from None
        if flag.takes.joins and name in values:
            value = values[name] | value if isinstance(value, dict) else values[name] + value
        values[name] = value

    def _error(self, message: str) -> UsageError:
        return UsageError(message, self.invocation.path)


def _is_bool(text: str) -> bool:
    try:
        read_bool(text)
    except ValueError:
        return False
    return True


def _character(letter: str) -> str:
    """A letter as the reference quotes it."""
    return "'" + quote(letter)[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"
