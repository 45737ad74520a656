"""The state of one rendering: the node being evaluated, the variables in scope, and the limits.

Steps, output and depth have their limits here, so that no template can exhaust time, memory or stack.
The tree is used only to name the place of an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

from aiofrp.config.golang.literals import quote, to_bytes
from aiofrp.config.golang.template.errors import TemplateError
from aiofrp.config.golang.template.syntax import nodes
from aiofrp.config.golang.template.values import Value

MAX_OUTPUT: Final = 10 * 1024 * 1024
"""Characters a rendered file may have."""

MAX_STEPS: Final = 2_000_000
"""Nodes walked, calls made and loop rounds begun, a few seconds' worth. 65,535 rounds of 30 steps fit."""

MAX_DEPTH: Final = 80
"""How deep blocks, parentheses and templates within templates may nest together while running: up to 560
frames of the stack."""

_VARIABLES_PER_STEP: Final = 16  # variables searched before they count as one more step


class Machine:
    """The variables, the output and the counters of one rendering."""

    __slots__ = ("_depth", "_file", "_size", "_steps", "_text", "_variables", "name", "node", "output")

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._text = text
        self.name = file
        """Of the body being run."""
        self.node: nodes.Evaluable | None = None
        """Where errors are reported."""
        self.output: list[str] = []
        self._variables: list[tuple[str, Value]] = []
        self._depth = 0
        self._steps = 0
        self._size = 0

    # Variables

    @contextmanager
    def body_of(self, name: str, dot: Value) -> Iterator[None]:
        """Run a body of its own: it sees no variables but ``$``, which is its dot."""
        outer = self.name, self._variables
        self.name, self._variables = name, [("$", dot)]
        yield
        self.name, self._variables = outer

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Variables that are declared in the block go out of scope at its end."""
        mark = self.mark()
        yield
        self.forget(mark)

    def mark(self) -> int:
        """How many variables are in scope, for :meth:`forget`."""
        return len(self._variables)

    def forget(self, mark: int) -> None:
        """Leave only the first ``mark`` variables in scope."""
        del self._variables[mark:]

    def declare(self, name: str, value: Value) -> None:
        """Bring a variable into scope; it hides an older one of the same name."""
        self._variables.append((name, value))

    def assign(self, name: str, value: Value) -> None:
        """Give the variable declared last by that name another value."""
        self._variables[self._find(name)] = (name, value)

    def lookup(self, name: str) -> Value:
        """The value of the variable declared last by that name."""
        return self._variables[self._find(name)][1]

    def _find(self, name: str) -> int:
        position = len(self._variables) - 1
        while position >= 0 and self._variables[position][0] != name:
            position -= 1
        if position < 0:
            self.fail(f"undefined variable: {name}")
        self.step((len(self._variables) - position) // _VARIABLES_PER_STEP)
        return position

    # Limits

    def step(self, count: int = 1) -> None:
        """Count steps. Raises :exc:`TemplateError` beyond :data:`MAX_STEPS`."""
        self._steps += count
        if self._steps > MAX_STEPS:
            self.fail(f"template takes more than {MAX_STEPS} steps")

    def write(self, text: str) -> None:
        """Add to the output. Raises :exc:`TemplateError` beyond :data:`MAX_OUTPUT` characters."""
        self._size += len(text)
        if self._size > MAX_OUTPUT:
            self.fail(f"output of more than {MAX_OUTPUT} characters")
        self.output.append(text)

    def enter(self) -> None:
        """Go one level down. Raises :exc:`TemplateError` beyond :data:`MAX_DEPTH`."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self.fail(f"exceeded maximum template depth ({MAX_DEPTH})")

    def leave(self) -> None:
        """Leave a level. After an error it is not called: the error ends the rendering."""
        self._depth -= 1

    # Errors

    def fail(self, message: str) -> NoReturn:
        """Raise :exc:`TemplateError` for the node at hand."""
        text = self._text
        start = self.node.start if self.node else 0
        line = text.count("\n", 0, start) + 1
        column = len(to_bytes(text[text.rfind("\n", 0, start) + 1 : start]))
        where = f"template: {self._file}:{line}:{column}: executing {quote(self.name)} at <{self.node}>"
        raise TemplateError(f"{where}: {message}", line, column + 1)
