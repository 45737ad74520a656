"""Evaluate pipelines and what they are made of."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Final

from aiofrp.config.golang.literals import INT64_MAX
from aiofrp.config.golang.template.errors import CallError
from aiofrp.config.golang.template.functions import Function
from aiofrp.config.golang.template.machine import Machine
from aiofrp.config.golang.template.syntax import nodes
from aiofrp.config.golang.template.values import (
    NOTHING,
    Slice,
    StringMap,
    Struct,
    Value,
    truth,
    type_name,
)

_TEXT_PER_STEP: Final = 32  # characters a function may produce before they count as one more step


class _Missing(enum.Enum):
    """The value piped into a command that has none before it."""

    MISSING = enum.auto()


_MISSING: Final = _Missing.MISSING
_Piped = Value | _Missing


class Expressions:
    """Evaluates pipelines with the variables and limits of a machine."""

    __slots__ = ("_functions", "_machine")

    def __init__(self, machine: Machine, functions: Mapping[str, Function]) -> None:
        self._machine = machine
        self._functions = functions

    def pipeline(self, pipeline: nodes.Pipeline, dot: Value) -> Value:
        """The value of a pipeline; variables it declares stay in scope."""
        self._machine.node = pipeline
        value: _Piped = _MISSING
        self._machine.enter()
        for command in pipeline.commands:
            value = self._command(command, dot, value)
        self._machine.leave()
        assert value is not _MISSING  # the parser demands at least one command
        for name in pipeline.variables:
            if pipeline.assigns:
                self._machine.assign(name, value)
            else:
                self._machine.declare(name, value)
        return value

    def _command(self, command: nodes.CommandNode, dot: Value, piped: _Piped) -> Value:
        self._machine.step()
        first, *arguments = command.operands
        has_arguments = bool(arguments) or piped is not _MISSING
        match first:
            case nodes.Identifier():
                return self._call(first, command, arguments, dot, piped)
            case nodes.Field() | nodes.Chain() | nodes.Variable():
                return self._value(first, dot, has_arguments)
        if not isinstance(first, nodes.Pipeline):
            self._machine.node = first
        self._check_function(first, has_arguments)
        if isinstance(first, nodes.Nil):
            self._machine.fail("nil is not a command")
        return self._value(first, dot)

    def _value(self, operand: nodes.Operand, dot: Value, has_arguments: bool = False) -> Value:
        """The value of an operand; ``has_arguments`` if it is written as a function call."""
        self._machine.node = operand
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
                value = self._machine.lookup(operand.name)
                self._check_function(operand, has_arguments and not operand.names)
                return self._fields(value, operand.names, has_arguments)
            case nodes.Chain():
                return self._chain(operand, dot, has_arguments)
            case nodes.Pipeline():
                return self.pipeline(operand, dot)
            case nodes.Identifier():
                return self._call(operand, operand, (), dot, _MISSING)

    def _check_function(self, operand: nodes.Operand, has_arguments: bool) -> None:
        if has_arguments:
            self._machine.fail(f"can't give argument to non-function {operand}")

    def _constant(self, constant: nodes.Constant) -> Value:
        value = constant.value
        if isinstance(value, int) and value > INT64_MAX:
            self._machine.fail(f"{constant.text} overflows int")
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
        if isinstance(value, StringMap):
            if has_arguments:
                self._machine.fail(f"{name} is not a method but has arguments")
            return value.get(name, NOTHING)
        found = value.fields.get(name) if isinstance(value, Struct) else None
        if found is None:
            self._machine.fail(f"can't evaluate field {name} in type {type_name(value)}")
        if has_arguments:
            self._machine.fail(f"{name} has arguments but cannot be invoked as function")
        return found

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
        self._machine.node = name
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
            self._machine.node = node
            self._machine.fail(f"error calling {name.name}: {error}")
        self._machine.step(_weight(value))
        return value

    def _check_count(self, name: str, function: Function, operands: int, piped: _Piped) -> None:
        count = operands + (piped is not _MISSING)
        if function.variadic and count < function.fixed:
            self._machine.fail(
                f"wrong number of args for {name}: want at least {function.fixed} got {operands}"
            )
        if not function.variadic and count != function.fixed:
            self._machine.fail(f"wrong number of args for {name}: want {function.fixed} got {count}")

    def _and_or(self, stops_at: bool, operands: Sequence[nodes.Operand], dot: Value, piped: _Piped) -> Value:
        value: Value = NOTHING
        for operand in operands:
            value = self._value(operand, dot)
            if truth(value) == stops_at:
                return value
        return value if isinstance(piped, _Missing) else piped

    def _argument(self, operand: nodes.Operand, dot: Value, must_be_text: bool) -> Value:
        if must_be_text and isinstance(operand, nodes.Nil):
            self._machine.node = operand
            self._machine.fail("cannot assign nil to string")
        if must_be_text and isinstance(operand, nodes.Constant) and not isinstance(operand.value, str):
            self._machine.node = operand
            self._machine.fail(f"expected string; found {operand}")
        return self._checked(self._value(operand, dot), must_be_text)

    def _checked(self, value: Value, must_be_text: bool) -> Value:
        if must_be_text and not isinstance(value, str):
            if value is NOTHING:
                self._machine.fail("invalid value; expected string")
            self._machine.fail(f"wrong type for value; expected string; got {type_name(value)}")
        return value


def _weight(value: Value) -> int:
    """Steps charged for a value that a function made, by its size."""
    if isinstance(value, str):
        return len(value) // _TEXT_PER_STEP
    return len(value) if isinstance(value, Slice) else 0
