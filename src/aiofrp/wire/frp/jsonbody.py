"""JSON bodies of messages, with exactly the text the reference writes (docs/protocol/wire.md §6.1).

Knows JSON and the message classes, no framing.
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any, NoReturn, TypeVar, get_args

import msgspec
from msgspec.inspect import is_struct_type
from msgspec.structs import fields

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.jsontext import SURROGATES, json_text

S = TypeVar("S", bound=msgspec.Struct)

_ESCAPED = re.compile(rb"[<>&]|\xe2\x80[\xa8\xa9]")


def encode_body(value: msgspec.Struct) -> bytes:
    """Return the JSON text of a message or hello, UTF-8."""
    body = json_text(value, sort=True)  # as the reference
    if b"<" in body or b">" in body or b"&" in body or b"\xe2" in body:
        return _ESCAPED.sub(_escape, body)
    return body


def _escape(found: re.Match[bytes]) -> bytes:
    return b"\\u%04x" % ord(found[0].decode())


def decode_body(cls: type[S], body: bytes) -> S:
    """Return the value written in ``body``; raise :class:`RemoteProtocolError` naming what is wrong.

    Unknown fields are ignored. What the strict decoder refuses gets a second reading by the reference's laxer
    rules: ``null`` means the zero value, and text that is not valid UTF-8 or UTF-16 loses the bad characters.
    """
    try:
        decoder: msgspec.json.Decoder[S] = _decoder(cls)
        return decoder.decode(body)
    except (ValueError, RecursionError):
        return _decode_leniently(cls, body)


@cache  # one entry per message class
def _decoder(cls: type[S]) -> msgspec.json.Decoder[S]:
    return msgspec.json.Decoder(cls)


def _decode_leniently(cls: type[S], body: bytes) -> S:
    value = read_json(body, cls.__name__)
    return value_of(cls, {} if value is None else value)


def read_json(body: bytes, what: str) -> Any:
    """The value that ``body`` is the JSON text of; text that is not valid UTF-8 loses the bad characters. Raises
    :class:`RemoteProtocolError` with ``what`` it was to be."""
    try:
        return json.loads(body.decode("utf-8", "replace"), parse_constant=_refuse_constant)
    except RecursionError:
        raise RemoteProtocolError(f"{what}: JSON nested too deeply") from None
    except ValueError as error:
        raise RemoteProtocolError(f"{what}: {error}") from None


def value_of(cls: type[S], value: Any) -> S:
    """The ``cls`` that a decoded JSON ``value`` stands for, by the rules of :func:`decode_body`. Raises
    :class:`RemoteProtocolError`."""
    try:
        return msgspec.convert(_repaired(value, cls), cls)
    except RecursionError:
        raise RemoteProtocolError(f"{cls.__name__}: JSON nested too deeply") from None
    except ValueError as error:
        raise RemoteProtocolError(f"{cls.__name__}: {error}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _repaired(value: Any, kind: Any) -> Any:
    """Return ``value``, meant to become a ``kind``, without nulls, lone surrogates and unknown fields."""
    if isinstance(value, str):
        return SURROGATES.sub("\ufffd", value)
    inner = _inner_kind(kind)
    if isinstance(value, list):
        zero: object = {} if inner is not str else ""
        return [_repaired(zero if item is None else item, inner) for item in value]
    if isinstance(value, dict) and is_struct_type(inner):
        types = field_types(inner)
        return {k: _repaired(item, types[k]) for k, item in value.items() if item is not None and k in types}
    if isinstance(value, dict):
        return {_repaired(k, str): _repaired("" if item is None else item, str) for k, item in value.items()}
    return value


def _inner_kind(kind: Any) -> Any:
    """A struct itself; what a list or an optional holds; ``str`` for maps, as they hold nothing else."""
    if is_struct_type(kind):
        return kind
    arguments = get_args(kind)
    return arguments[0] if arguments else str


@cache  # one entry per class
def field_types(cls: Any) -> dict[str, Any]:
    """The type of each field of a struct, by its name in JSON."""
    return {known.encode_name: known.type for known in fields(cls)}
