"""Run a parsed template: walk its statements and collect the output."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Final

from aiofrp.config.golang.literals import from_bytes, quote, to_bytes
from aiofrp.config.golang.template.expressions import Expressions
from aiofrp.config.golang.template.format import sprint, sprintf
from aiofrp.config.golang.template.functions import Function, printable
from aiofrp.config.golang.template.machine import Machine
from aiofrp.config.golang.template.syntax import nodes
from aiofrp.config.golang.template.values import NOTHING, Slice, StringMap, Struct, Value, truth

_SHOWN: Final = 200  # characters of a value shown in an error message: it may be the whole environment


class _Flow(enum.Enum):
    """What a body asks of the loop around it."""

    NEXT = enum.auto()
    BREAK = enum.auto()
    CONTINUE = enum.auto()


def execute(template: nodes.Template, functions: Mapping[str, Function], root: Struct) -> str:
    """The text ``template`` renders to. Raises :exc:`TemplateError`."""
    machine = Machine(template.name, template.text)
    _Run(template, functions, machine).body(template.name, root)
    return from_bytes(to_bytes("".join(machine.output)))  # join bytes that only together are UTF-8


class _Run:
    """One rendering."""

    __slots__ = ("_machine", "_pipeline", "_template")

    def __init__(self, template: nodes.Template, functions: Mapping[str, Function], machine: Machine) -> None:
        self._template = template
        self._machine = machine
        self._pipeline = Expressions(machine, functions).pipeline

    def body(self, name: str, dot: Value) -> None:
        """Run the body of that name."""
        with self._machine.body_of(name, dot):
            self._statements(self._template.bodies[name], dot)

    def _statements(self, body: nodes.Body, dot: Value) -> _Flow:
        self._machine.enter()
        flow = _Flow.NEXT
        for statement in body:
            flow = self._statement(statement, dot)
            if flow is not _Flow.NEXT:
                break
        self._machine.leave()
        return flow

    def _statement(self, node: nodes.Statement, dot: Value) -> _Flow:
        self._machine.step()
        match node:
            case nodes.Text():
                self._machine.write(node.text)
            case nodes.ActionNode():
                self._action(node, dot)
            case nodes.Branch():
                return self._branch(node, dot)
            case nodes.Range():
                self._range(node, dot)
            case nodes.Break():
                return _Flow.BREAK
            case nodes.Continue():
                return _Flow.CONTINUE
            case nodes.InvocationNode():
                self._invocation(node, dot)
        return _Flow.NEXT

    def _action(self, node: nodes.ActionNode, dot: Value) -> None:
        value = self._pipeline(node.pipeline, dot)
        if not node.pipeline.variables:
            self._machine.write(sprint([printable(value)]))

    def _branch(self, node: nodes.Branch, dot: Value) -> _Flow:
        with self._machine.scope():
            for clause in node.clauses:
                value = self._pipeline(clause.pipeline, dot)
                if truth(value):
                    return self._statements(clause.body, value if node.sets_dot else dot)
            return self._statements(node.otherwise, dot) if node.otherwise else _Flow.NEXT

    def _invocation(self, node: nodes.InvocationNode, dot: Value) -> None:
        self._machine.node = node
        if node.name not in self._template.bodies:
            self._machine.fail(f"template {quote(node.name)} not defined")
        argument = self._pipeline(node.pipeline, dot) if node.pipeline else NOTHING
        self._machine.node = node
        self.body(node.name, argument)

    # Loops

    def _range(self, node: nodes.Range, dot: Value) -> None:
        with self._machine.scope():
            value = self._pipeline(node.pipeline, dot)
            mark = self._machine.mark()
            empty = True
            for key, element in self._rounds(value, len(node.pipeline.variables)):
                empty = False
                self._machine.step()
                self._set_loop_variables(node.pipeline, mark, key, element)
                flow = self._statements(node.body, element)
                self._machine.forget(mark)
                if flow is _Flow.BREAK:
                    break
            if empty and node.otherwise:
                self._statements(node.otherwise, dot)

    def _rounds(self, value: Value, variables: int) -> Iterable[tuple[Value, Value]]:
        """What a loop over ``value`` gives its variables: keys and elements."""
        if value is NOTHING:
            return ()
        if isinstance(value, Slice):
            return enumerate(value)
        if isinstance(value, StringMap):
            return value.items()
        if isinstance(value, bool) or not isinstance(value, int):
            self._machine.fail(f"range can't iterate over {_shown(printable(value))}")
        if variables > 1:
            self._machine.fail(f"can't use {value} to iterate over more than one variable")
        return ((NOTHING, type(value)(number)) for number in range(value))

    def _set_loop_variables(self, pipeline: nodes.Pipeline, mark: int, key: Value, element: Value) -> None:
        names = pipeline.variables
        values = [element] if len(names) < 2 else [key, element]
        if pipeline.assigns:
            for name, value in zip(names, values, strict=True):
                self._machine.assign(name, value)
        elif names:
            self._machine.forget(mark - len(names))
            for name, value in zip(names, values, strict=True):
                self._machine.declare(name, value)


def _shown(value: Value) -> str:
    text = sprintf("%v", [value])
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
