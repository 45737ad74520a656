"""The tree of a parsed template.

Plain data. ``str()`` of a node that can be evaluated gives it back in Go's spelling, for the
``at <…>`` of error messages. ``start`` is the index of the character Go would point at.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from aiofrp.config.golang.literals import quote


@dataclass(frozen=True, slots=True)
class Identifier:
    """The name of a function, where it is called."""

    start: int
    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Dot:
    """``.``: the value that the nearest ``with``, ``range`` or ``define`` set, else the root."""

    start: int

    def __str__(self) -> str:
        return "."


@dataclass(frozen=True, slots=True)
class Nil:
    """The constant ``nil``."""

    start: int

    def __str__(self) -> str:
        return "nil"


@dataclass(frozen=True, slots=True)
class Constant:
    """A string, boolean or number; ``text`` is how it was written."""

    start: int
    text: str
    value: str | bool | int | float

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Field:
    """``.A.B``: fields of the current value."""

    start: int
    names: tuple[str, ...]

    def __str__(self) -> str:
        return "".join("." + name for name in self.names)


@dataclass(frozen=True, slots=True)
class Variable:
    """``$x.A.B``: a variable (its ``$`` is part of ``name``) and fields of it."""

    start: int
    name: str
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ".".join((self.name, *self.names))


@dataclass(frozen=True, slots=True)
class Chain:
    """``(pipeline).A.B``: fields of any other operand."""

    start: int
    operand: Operand
    names: tuple[str, ...]

    def __str__(self) -> str:
        return _in_parens(self.operand) + "".join("." + name for name in self.names)


@dataclass(frozen=True, slots=True)
class CommandNode:
    """A function or value with its arguments."""

    start: int
    operands: tuple[Operand, ...]

    def __str__(self) -> str:
        return " ".join(_in_parens(operand) for operand in self.operands)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands joined by ``|``; its value may go to variables."""

    start: int
    variables: tuple[str, ...]
    assigns: bool
    """The variables exist already (``=``, not ``:=``)."""
    commands: tuple[CommandNode, ...]

    def __str__(self) -> str:
        commands = " | ".join(map(str, self.commands))
        if not self.variables:
            return commands
        return f"{', '.join(self.variables)} {'=' if self.assigns else ':='} {commands}"


@dataclass(frozen=True, slots=True)
class Text:
    """Text between actions, which is copied to the output."""

    start: int
    text: str


@dataclass(frozen=True, slots=True)
class ActionNode:
    """``{{pipeline}}``: print its value, unless it goes to variables."""

    start: int
    pipeline: Pipeline


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition of a branch, and what to do when it holds."""

    pipeline: Pipeline
    body: Body


@dataclass(frozen=True, slots=True)
class Branch:
    """``if`` or ``with``, all its ``else if``, and its ``else``."""

    start: int
    sets_dot: bool
    """It is ``with``: the value becomes the dot of the body."""
    clauses: tuple[Clause, ...]
    otherwise: Body | None


@dataclass(frozen=True, slots=True)
class Range:
    """``{{range}}``: its body runs once for each element."""

    start: int
    pipeline: Pipeline
    body: Body
    otherwise: Body | None


@dataclass(frozen=True, slots=True)
class Break:
    """``{{break}}``: ends the loop around it."""

    start: int


@dataclass(frozen=True, slots=True)
class Continue:
    """``{{continue}}``: begins the next round of the loop around it."""

    start: int


@dataclass(frozen=True, slots=True)
class InvocationNode:
    """``{{template "name" pipeline}}``: runs a defined body; the pipeline gives its ``.``."""

    start: int
    name: str
    pipeline: Pipeline | None

    def __str__(self) -> str:
        argument = f" {self.pipeline}" if self.pipeline else ""
        return f"{{{{template {quote(self.name)}{argument}}}}}"


Operand: TypeAlias = Identifier | Dot | Nil | Constant | Field | Variable | Chain | Pipeline
Statement: TypeAlias = Text | ActionNode | Branch | Range | Break | Continue | InvocationNode
Body: TypeAlias = tuple[Statement, ...]
Evaluable: TypeAlias = Operand | CommandNode | InvocationNode


@dataclass(frozen=True, slots=True)
class Template:
    """A whole template: its name and text, and the bodies it defines by name; its own body has its own name."""

    name: str
    text: str
    bodies: dict[str, Body] = field(default_factory=dict)


def is_empty(body: Body) -> bool:
    """Whether there is nothing in it but white space."""
    return all(isinstance(node, Text) and not node.text.strip() for node in body)


def _in_parens(operand: Operand) -> str:
    return f"({operand})" if isinstance(operand, Pipeline) else str(operand)
