"""The comparing functions of templates: ``eq ne lt le gt ge``."""

from __future__ import annotations

from collections.abc import Sequence

from aiofrp.config.golang.literals import to_bytes
from aiofrp.config.golang.template.errors import CallError
from aiofrp.config.golang.template.format import sprintf
from aiofrp.config.golang.template.values import (
    NOTHING,
    Slice,
    StringMap,
    Value,
    type_name,
)


def eq(arguments: Sequence[Value]) -> bool:
    """Whether the first argument equals any of the others."""
    if len(arguments) < 2:
        raise CallError("missing argument for comparison")
    return any(_equal(arguments[0], other) for other in arguments[1:])


def ne(arguments: Sequence[Value]) -> bool:
    """``ne a b``: whether the two arguments differ. Raises :exc:`CallError` as ``eq`` does."""
    return not eq(arguments)


def lt(arguments: Sequence[Value]) -> bool:
    """Whether the first argument is less than the second; texts compare by bytes."""
    left, right = arguments
    kinds = [_ordered_kind(value) for value in arguments]
    if kinds[0] != kinds[1]:
        raise CallError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if isinstance(left, str) and isinstance(right, str):
        return to_bytes(left) < to_bytes(right)
    if isinstance(left, bool) or isinstance(right, bool):
        raise CallError("invalid type for comparison")
    assert isinstance(left, int | float)  # the kinds above leave nothing else
    assert isinstance(right, int | float)
    return left < right


def le(arguments: Sequence[Value]) -> bool:
    """Whether the first argument is not greater than the second."""
    return lt(arguments) or eq(arguments)


def gt(arguments: Sequence[Value]) -> bool:
    """Whether the first argument is greater than the second."""
    return not le(arguments)


def ge(arguments: Sequence[Value]) -> bool:
    """Whether the first argument is not less than the second."""
    return not lt(arguments)


def _equal(left: Value, right: Value) -> bool:
    kind, other = _kind(left), _kind(right)
    if left is NOTHING or right is NOTHING:
        return left is right
    if kind != other:
        raise CallError(f"incompatible types for comparison: {type_name(left)} and {type_name(right)}")
    if kind is None:
        _check_comparable(left, right)
    return left == right


def _check_comparable(left: Value, right: Value) -> None:
    """Values that are not basic compare only within a type, and lists and maps not at all."""
    names = type_name(left), type_name(right)
    if _shape(left) != _shape(right):
        raise CallError(
            sprintf("non-comparable types %s", [left])
            + f": {names[0]}, {names[1]}: "
            + sprintf("%v", [right])
        )
    if isinstance(right, Slice | StringMap):
        raise CallError(sprintf("non-comparable type %s", [right]) + f": {names[1]}")


def _shape(value: Value) -> type:
    """Lists of either element are one kind to Go."""
    return tuple if isinstance(value, Slice) else type(value)


def _kind(value: Value) -> type | None:
    """The basic kind, ``None`` for anything else; whole numbers of every width are of one kind."""
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind
    return None


def _ordered_kind(value: Value) -> type:
    kind = _kind(value)
    if kind is None:
        raise CallError("invalid type for comparison")
    return kind
