"""Run a parsed template.

One :class:`_Run` per rendering walks the tree and collects the output. It keeps the node it is at, so that
an error says where, as the reference does. Everything that can grow — steps, output, text held in
variables, depth — has a limit here, so that no template can take the program down.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NoReturn

from aiofrp.config.literals import INT64_MAX, from_bytes, quote, to_bytes
from aiofrp.config.template import nodes
from aiofrp.config.template.errors import CallError, TemplateError
from aiofrp.config.template.format import sprint, sprintf
from aiofrp.config.template.functions import Function, printable
from aiofrp.config.template.values import (
    NOTHING,
    Environment,
    NumberList,
    NumberPair,
    PairList,
    Root,
    Value,
    fields_of,
    truth,
    type_name,
)

MAX_OUTPUT: Final = 10 * 1024 * 1024
"""Characters a rendered file may have."""

MAX_STEPS: Final = 2_000_000
"""Nodes walked, calls made and loop rounds begun, a few seconds' worth. 65,535 rounds of 30 steps fit."""

MAX_DEPTH: Final = 100
"""How deep blocks, parentheses and templates within templates may nest together while running."""

_TEXT_PER_STEP: Final = 32  # characters a function may produce before they count as one more step
_VARIABLES_PER_STEP: Final = 16  # variables looked at before they count as one more step
_SHOWN: Final = 200  # characters of a value shown in an error message: it may be the whole environment


class _Flow(enum.Enum):
    """What a body wants of the loop around it."""

    NEXT = enum.auto()
    BREAK = enum.auto()
    CONTINUE = enum.auto()


class _Missing(enum.Enum):
    """The value piped into a command that has none before it."""

    MISSING = enum.auto()


_MISSING: Final = _Missing.MISSING
_Piped = Value | _Missing


def execute(template: nodes.Template, functions: Mapping[str, Function], root: Root) -> str:
    """The text ``template`` renders to. Raises :exc:`TemplateError`."""
    run = _Run(template, functions)
    run.body("frp", root)
    return from_bytes(to_bytes("".join(run.output)))  # join bytes that only together are UTF-8


class _Run:
    """One rendering."""

    __slots__ = (
        "_depth",
        "_functions",
        "_name",
        "_node",
        "_size",
        "_steps",
        "_template",
        "_variables",
        "output",
    )

    def __init__(self, template: nodes.Template, functions: Mapping[str, Function]) -> None:
        self._template = template
        self._functions = functions
        self._name = "frp"  # of the body being run
        self._node: nodes.Evaluable | nodes.Statement | None = None
        self._variables: list[tuple[str, Value]] = []
        self._depth = 0
        self._steps = 0
        self._size = 0
        self.output: list[str] = []

    # Statements

    def body(self, name: str, dot: Value) -> None:
        """Run a body of its own: it sees no variables but ``$``, which is its dot."""
        outer = self._name, self._variables
        self._name, self._variables = name, [("$", dot)]
        self._statements(self._template.bodies[name], dot)
        self._name, self._variables = outer

    def _statements(self, body: nodes.Body, dot: Value) -> _Flow:
        with self._deeper():
            for statement in body:
                flow = self._statement(statement, dot)
                if flow is not _Flow.NEXT:
                    return flow
        return _Flow.NEXT

    def _statement(self, node: nodes.Statement, dot: Value) -> _Flow:
        self._step()
        match node:
            case nodes.Text():
                self._write(node.text)
            case nodes.Action():
                self._action(node, dot)
            case nodes.Branch():
                return self._branch(node, dot)
            case nodes.Range():
                self._range(node, dot)
            case nodes.Break():
                return _Flow.BREAK
            case nodes.Continue():
                return _Flow.CONTINUE
            case nodes.Invocation():
                self._invocation(node, dot)
        return _Flow.NEXT

    def _action(self, node: nodes.Action, dot: Value) -> None:
        value = self._pipeline(node.pipeline, dot)
        if not node.pipeline.variables:
            self._write(sprint([printable(value)]))

    def _branch(self, node: nodes.Branch, dot: Value) -> _Flow:
        with self._scope():
            for clause in node.clauses:
                value = self._pipeline(clause.pipeline, dot)
                if truth(value):
                    return self._statements(clause.body, value if node.sets_dot else dot)
            return self._statements(node.otherwise, dot) if node.otherwise else _Flow.NEXT

    def _invocation(self, node: nodes.Invocation, dot: Value) -> None:
        self._node = node
        if node.name not in self._template.bodies:
            self._fail(f"template {quote(node.name)} not defined")
        argument = self._pipeline(node.pipeline, dot) if node.pipeline else NOTHING
        self._node = node
        self.body(node.name, argument)

    # Loops

    def _range(self, node: nodes.Range, dot: Value) -> None:
        with self._scope():
            value = self._pipeline(node.pipeline, dot)
            mark = len(self._variables)
            empty = True
            for key, element in self._rounds(value, len(node.pipeline.variables)):
                empty = False
                self._step()
                self._set_loop_variables(node.pipeline, mark, key, element)
                flow = self._statements(node.body, element)
                del self._variables[mark:]
                if flow is _Flow.BREAK:
                    break
            if empty and node.otherwise:
                self._statements(node.otherwise, dot)

    def _rounds(self, value: Value, variables: int) -> Iterable[tuple[Value, Value]]:
        """What a loop over ``value`` gives its variables: keys and elements."""
        if value is NOTHING:
            return ()
        if isinstance(value, NumberList | PairList):
            return enumerate(value)
        if isinstance(value, Environment):
            return value.items()
        if isinstance(value, bool) or not isinstance(value, int):
            self._fail(f"range can't iterate over {_shown(printable(value))}")
        if variables > 1:
            self._fail(f"can't use {value} to iterate over more than one variable")
        return ((NOTHING, type(value)(number)) for number in range(value))

    def _set_loop_variables(self, pipeline: nodes.Pipeline, mark: int, key: Value, element: Value) -> None:
        names = pipeline.variables
        values = [element] if len(names) < 2 else [key, element]
        if pipeline.assigns:
            for name, value in zip(names, values, strict=True):
                self._assign(name, value)
        elif names:
            self._variables[mark - len(names) : mark] = zip(names, values, strict=True)

    # Variables

    @contextmanager
    def _scope(self) -> Iterator[None]:
        """Variables declared within end with it."""
        mark = len(self._variables)
        yield
        del self._variables[mark:]

    def _assign(self, name: str, value: Value) -> None:
        self._variables[self._find(name)] = (name, value)

    def _find(self, name: str) -> int:
        position = len(self._variables) - 1
        while position >= 0 and self._variables[position][0] != name:
            position -= 1
        if position < 0:
            self._fail(f"undefined variable: {name}")
        self._step((len(self._variables) - position) // _VARIABLES_PER_STEP)
        return position

    # Expressions

    def _pipeline(self, pipeline: nodes.Pipeline, dot: Value) -> Value:
        self._node = pipeline
        value: _Piped = _MISSING
        with self._deeper():
            for command in pipeline.commands:
                value = self._command(command, dot, value)
        assert value is not _MISSING  # the parser wants at least one command
        for name in pipeline.variables:
            if pipeline.assigns:
                self._assign(name, value)
            else:
                self._variables.append((name, value))
        return value

    def _command(self, command: nodes.Command, dot: Value, piped: _Piped) -> Value:
        self._step()
        first, *arguments = command.operands
        has_arguments = bool(arguments) or piped is not _MISSING
        match first:
            case nodes.Identifier():
                return self._call(first, command, arguments, dot, piped)
            case nodes.Field() | nodes.Chain() | nodes.Variable():
                return self._value(first, dot, has_arguments)
        if not isinstance(first, nodes.Pipeline):
            self._node = first
        self._check_function(first, has_arguments)
        if isinstance(first, nodes.Nil):
            self._fail("nil is not a command")
        return self._value(first, dot)

    def _value(self, operand: nodes.Operand, dot: Value, has_arguments: bool = False) -> Value:
        """The value of an operand; ``has_arguments`` if it is written as a function call."""
        self._node = operand
        match operand:
            case nodes.Dot():
                return dot
            case nodes.Nil():
                return NOTHING
            case nodes.Constant():
                return self._constant(operand)
            case nodes.Field():
                return self._fields(dot, operand.names, has_arguments)
            case nodes.Variable():
                value = self._variables[self._find(operand.name)][1]
                self._check_function(operand, has_arguments and not operand.names)
                return self._fields(value, operand.names, has_arguments)
            case nodes.Chain():
                return self._chain(operand, dot, has_arguments)
            case nodes.Pipeline():
                return self._pipeline(operand, dot)
            case nodes.Identifier():
                return self._call(operand, operand, (), dot, _MISSING)

    def _check_function(self, operand: nodes.Operand, has_arguments: bool) -> None:
        if has_arguments:
            self._fail(f"can't give argument to non-function {operand}")

    def _constant(self, constant: nodes.Constant) -> Value:
        value = constant.value
        if isinstance(value, int) and value > INT64_MAX:
            self._fail(f"{constant.text} overflows int")
        return value

    def _chain(self, chain: nodes.Chain, dot: Value, has_arguments: bool) -> Value:
        value = self._value(chain.operand, dot)
        return self._fields(value, chain.names, has_arguments)

    def _fields(self, value: Value, names: Sequence[str], has_arguments: bool) -> Value:
        for position, name in enumerate(names, 1):
            value = self._field(value, name, has_arguments and position == len(names))
        return value

    def _field(self, value: Value, name: str, has_arguments: bool) -> Value:
        if value is NOTHING:
            return NOTHING
        if isinstance(value, Environment):
            if has_arguments:
                self._fail(f"{name} is not a method but has arguments")
            return value.get(name, NOTHING)
        fields = fields_of(value) if isinstance(value, NumberPair | Root) else {}
        if name not in fields:
            self._fail(f"can't evaluate field {name} in type {type_name(value)}")
        if has_arguments:
            self._fail(f"{name} has arguments but cannot be invoked as function")
        return fields[name]

    # Calls

    def _call(
        self,
        name: nodes.Identifier,
        node: nodes.Evaluable,
        operands: Sequence[nodes.Operand],
        dot: Value,
        piped: _Piped,
    ) -> Value:
        """Call a function. ``node`` is where an error of the function itself is reported."""
        self._node = name
        function = self._functions[name.name]
        self._check_count(name.name, function, len(operands), piped)
        if name.name in ("and", "or"):
            return self._and_or(name.name == "or", operands, dot, piped)
        arguments = [
            self._argument(operand, dot, position < function.text)
            for position, operand in enumerate(operands)
        ]
        if piped is not _MISSING:
            arguments.append(self._checked(piped, len(operands) < function.text))
        try:
            value = function.run(arguments)
        except CallError as error:
            self._node = node
            self._fail(f"error calling {name.name}: {error}")
        self._step(_weight(value))
        return value

    def _check_count(self, name: str, function: Function, operands: int, piped: _Piped) -> None:
        count = operands + (piped is not _MISSING)
        if function.variadic and count < function.fixed:
            self._fail(f"wrong number of args for {name}: want at least {function.fixed} got {operands}")
        if not function.variadic and count != function.fixed:
            self._fail(f"wrong number of args for {name}: want {function.fixed} got {count}")

    def _and_or(self, stops_at: bool, operands: Sequence[nodes.Operand], dot: Value, piped: _Piped) -> Value:
        value: Value = NOTHING
        for operand in operands:
            value = self._value(operand, dot)
            if truth(value) == stops_at:
                return value
        return value if isinstance(piped, _Missing) else piped

    def _argument(self, operand: nodes.Operand, dot: Value, must_be_text: bool) -> Value:
        if must_be_text and isinstance(operand, nodes.Nil):
            self._node = operand
            self._fail("cannot assign nil to string")
        if must_be_text and isinstance(operand, nodes.Constant) and not isinstance(operand.value, str):
            self._node = operand
            self._fail(f"expected string; found {operand}")
        return self._checked(self._value(operand, dot), must_be_text)

    def _checked(self, value: Value, must_be_text: bool) -> Value:
        if must_be_text and not isinstance(value, str):
            if value is NOTHING:
                self._fail("invalid value; expected string")
            self._fail(f"wrong type for value; expected string; got {type_name(value)}")
        return value

    # Limits

    def _step(self, count: int = 1) -> None:
        self._steps += count
        if self._steps > MAX_STEPS:
            self._fail(f"template takes more than {MAX_STEPS} steps")

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > MAX_OUTPUT:
            self._fail(f"output of more than {MAX_OUTPUT} characters")
        self.output.append(text)

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"exceeded maximum template depth ({MAX_DEPTH})")
        yield
        self._depth -= 1

    # Errors

    def _fail(self, message: str) -> NoReturn:
        text = self._template.text
        start = self._node.start if self._node else 0
        line = text.count("\n", 0, start) + 1
        column = len(to_bytes(text[text.rfind("\n", 0, start) + 1 : start]))
        where = f"template: frp:{line}:{column}: executing {quote(self._name)} at <{self._node}>"
        raise TemplateError(f"{where}: {message}", line, column + 1)


def _weight(value: Value) -> int:
    """Steps charged for a value made by a function, so that nobody can make large ones for nothing."""
    if isinstance(value, str):
        return len(value) // _TEXT_PER_STEP
    return len(value) if isinstance(value, NumberList | PairList) else 0


def _shown(value: Value) -> str:
    text = sprintf("%v", [value])
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
