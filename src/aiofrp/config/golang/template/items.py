"""The functions that read inside a value: ``len index slice``.

A list of Go may have a capacity behind its end that ``slice`` can reach; ours ends where it ends, and
reaching further is an error.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiofrp.config.golang.literals import from_bytes, to_bytes
from aiofrp.config.golang.template.errors import CallError
from aiofrp.config.golang.template.values import (
    NOTHING,
    Slice,
    StringMap,
    Struct,
    Uint8,
    Value,
    type_name,
)


def length(arguments: Sequence[Value]) -> int:
    """Bytes of a text, elements of anything else."""
    value = arguments[0]
    if value is NOTHING:
        raise CallError("reflect: call of reflect.Value.Type on zero Value")
    if isinstance(value, str):
        return len(to_bytes(value))
    if isinstance(value, Slice | StringMap):
        return len(value)
    raise CallError(f"len of type {_pointed_to(value)}")


def index(arguments: Sequence[Value]) -> Value:
    """``index x 1 2`` is ``x[1][2]``."""
    value, *places = arguments
    if value is NOTHING:
        raise CallError("index of untyped nil")
    for place in places:
        value = _element(value, place)
    return value


def slice_of(arguments: Sequence[Value]) -> Value:
    """``slice x 1 2`` is ``x[1:2]``; a text is cut between bytes."""
    value, *places = arguments
    if value is NOTHING:
        raise CallError("slice of untyped nil")
    if len(places) > 3:
        raise CallError(f"too many slice indexes: {len(places)}")
    if isinstance(value, str):
        if len(places) == 3:
            raise CallError("cannot 3-index slice a string")
        data = to_bytes(value)
        return from_bytes(data[_bounds(places, len(data))])
    if isinstance(value, Slice):
        return type(value)(value[_bounds(places, len(value))])
    raise CallError(f"can't slice item of type {_pointed_to(value)}")


def _element(value: Value, place: Value) -> Value:
    if isinstance(value, StringMap):
        if not isinstance(place, str):
            problem = "value is nil" if place is NOTHING else f"value has type {type_name(place)}"
            raise CallError(f"{problem}; should be {'of type ' if place is NOTHING else ''}string")
        return value.get(place, "")
    if isinstance(value, str):
        data = to_bytes(value)
        return Uint8(data[_position(place, len(data), "string")])
    if isinstance(value, Slice):
        element: Value = value[_position(place, len(value), "slice")]
        return element
    raise CallError(f"can't index item of type {_pointed_to(value)}")


def _position(place: Value, size: int, what: str) -> int:
    position = _index(place, size)
    if position == size:
        raise CallError(f"reflect: {what} index out of range")
    return position


def _bounds(places: Sequence[Value], size: int) -> slice:
    bounds = [_index(place, size) for place in places]
    start = bounds[0] if bounds else 0
    end = bounds[1] if len(bounds) > 1 else size
    for low, high in ((start, end), (end, bounds[2] if len(bounds) > 2 else end)):
        if low > high:
            raise CallError(f"invalid slice index: {low} > {high}")
    return slice(start, end)


def _index(place: Value, limit: int) -> int:
    if place is NOTHING:
        raise CallError("cannot index slice/array with nil")
    if not isinstance(place, int) or isinstance(place, bool):
        raise CallError(f"cannot index slice/array with type {type_name(place)}")
    if not 0 <= place <= limit:
        raise CallError(f"index out of range: {int(place)}")
    return int(place)


def _pointed_to(value: Value) -> str:
    """The type of a value, or of what it points at."""
    return type_name(value).lstrip("*") if isinstance(value, Struct) else type_name(value)
