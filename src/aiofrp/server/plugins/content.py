"""What a server plugin is asked and what it answers, as values and as the JSON that the reference writes and reads
(docs/protocol/server.md §11).

Knows JSON and messages, no HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from msgspec.inspect import is_struct_type
from msgspec.structs import replace

from aiofrp.errors import RemoteProtocolError
from aiofrp.host.user import UserInfo
from aiofrp.server.hooks import ClientInfo, Op
from aiofrp.wire.addresses import join_host_port
from aiofrp.wire.frp.jsonbody import encode_body, field_types, read_json, value_of
from aiofrp.wire.frp.messages import CloseProxy, Login, NewProxy, NewWorkConn, Ping
from aiofrp.wire.jsontext import json_text

#: The version of the plugins' protocol.
VERSION = "0.1.0"

_M = TypeVar("_M", bound=Struct)


class ClientBlock(Struct, frozen=True, kw_only=True):
    """The client of an event; all three fields are always written, no metadatas as ``null``."""

    user: str = ""
    metas: dict[str, str] | None = None
    run_id: str = ""


class UserConn(Struct, frozen=True, kw_only=True):
    """The user of a proxy who wants to enter; all three fields are always written."""

    proxy_name: str = ""
    proxy_type: str = ""
    remote_addr: str = ""


class Content(Struct, Generic[_M], frozen=True):
    """What stands under ``content``: a message and whose it is, in one JSON object."""

    message: _M
    client: ClientBlock | None = None  #: ``None`` for a login, which says itself who the client is
    address: str = ""  #: where a login comes from: ``ip:port``


#: The message in each event's content.
MESSAGES: Mapping[Op, type[Struct]] = {
    Op.LOGIN: Login,
    Op.NEW_PROXY: NewProxy,
    Op.CLOSE_PROXY: CloseProxy,
    Op.PING: Ping,
    Op.NEW_WORK_CONN: NewWorkConn,
    Op.NEW_USER_CONN: UserConn,
}


def of_login(login: Login, address: str) -> Content[Login]:
    """The content about a login: only what the reference knows of it."""
    return Content(replace(login, max_message=0, takes_streams=False), address=address)


def of_client(message: _M, client: ClientInfo) -> Content[_M]:
    """The content about a message of ``client``."""
    metas = dict(client.metas) or None
    return Content(message, ClientBlock(user=client.user, metas=metas, run_id=client.run_id))


def user_conn(user: UserInfo) -> UserConn:
    """``user`` as plugins see it."""
    host, port = user.address
    return UserConn(
        proxy_name=user.proxy_name,
        proxy_type=user.proxy_type,
        remote_addr=join_host_port(host, port) if host else "pipe",
    )


# Requests


def encode_request(op: Op, content: Content[Any]) -> bytes:
    """The body of a request about ``content``."""
    return b'{"version":"%b","op":"%b","content":%b}' % (
        VERSION.encode(),
        op.value.encode(),
        _encode(content),
    )


def decode_request(body: bytes) -> tuple[Op, Content[Any]]:
    """What a request asks about, for those who are plugins. Raises :class:`~aiofrp.errors.RemoteProtocolError`."""
    tree = _read(body, "the request")
    asked = value_of(_Question, _folded(tree, _Question))
    try:
        op = Op(asked.op)
    except ValueError:
        raise RemoteProtocolError(f"the operation {asked.op!r} is none of {', '.join(Op)}") from None
    return op, content_of(MESSAGES[op], asked.content)


class _Question(Struct, frozen=True):
    op: str = ""
    content: dict[str, Any] = msgspec.field(default_factory=dict)


def _encode(content: Content[Any]) -> bytes:
    body = encode_body(content.message)
    if content.client is None:
        address = json_text(content.address)
        return body[:-1] + (b',"client_address":%b}' % address if content.address else b"}")
    head = b'{"user":' + encode_body(content.client)
    return head + (b"}" if body == b"{}" else b"," + body[1:])


# Answers


class Decision(Struct, Generic[_M], frozen=True):
    """What a plugin decided."""

    reject: bool
    reason: str  #: of a refusal; may be empty
    content: Content[_M] | None  #: what replaces the content; ``None``: nothing does


class _Ruling(Struct, frozen=True):
    reject: bool = False
    reject_reason: str = ""
    unchange: bool = False


def decode_answer(kind: type[_M], body: bytes) -> Decision[_M]:
    """The answer of a plugin that was asked about a message of ``kind``.

    It is read as the reference reads it: names in any case, unknown ones ignored, ``null`` is the zero value, and what
    has the wrong type spoils the answer even where it does not count. Without ``unchange`` the content replaces
    everything; a ``null`` there is refused. Raises :class:`~aiofrp.errors.RemoteProtocolError`.
    """
    if (plain := _plain(body)) is not None:
        return Decision(plain.reject, plain.reject_reason, None)
    tree = _read(body, "the answer")
    ruling = value_of(_Ruling, _folded(tree, _Ruling))
    passes = ruling.reject or ruling.unchange
    value: Any = None if passes else {}  # none at all replaces everything with nothing
    for name, item in tree.items():
        if name.casefold() == "content":
            value = item
    content = None if value is None else content_of(kind, value)
    if passes:
        return Decision(ruling.reject, ruling.reject_reason, None)
    if content is None:
        raise RemoteProtocolError("the content of the answer is null")
    return Decision(False, "", content)


class _PlainRuling(_Ruling, frozen=True, forbid_unknown_fields=True):
    pass


_decode_plain = msgspec.json.Decoder(_PlainRuling).decode


def _plain(body: bytes) -> _Ruling | None:
    """The answer in ``body`` where it has no content and needs none, as most have not; ``None``: it may be another."""
    try:
        ruling = _decode_plain(body)
    except (ValueError, RecursionError):
        return None
    return ruling if ruling.reject or ruling.unchange else None


def encode_answer(refusal: str | None, content: Content[Any] | None) -> bytes:
    """The answer of a plugin: a refusal with its reason, another content, or neither: nothing changes."""
    if refusal is not None:
        return b'{"reject":true,"reject_reason":%b}' % json_text(refusal)
    if content is None:
        return b'{"reject":false,"unchange":true}'
    return b'{"reject":false,"unchange":false,"content":%b}' % _encode(content)


def content_of(kind: type[_M], value: Any) -> Content[_M]:
    """The content that a decoded JSON ``value`` stands for. Raises :class:`~aiofrp.errors.RemoteProtocolError`."""
    message = value_of(kind, _folded(value, kind))
    if kind is Login:
        return Content(message, address=value_of(_Address, _folded(value, _Address)).client_address)
    return Content(message, value_of(_Whose, _folded(value, _Whose)).user)


class _Whose(Struct, frozen=True):
    user: ClientBlock = msgspec.field(default_factory=ClientBlock)


class _Address(Struct, frozen=True):
    client_address: str = ""


def _read(body: bytes, what: str) -> dict[str, Any]:
    try:
        tree = msgspec.json.decode(body)
    except (ValueError, RecursionError):
        tree = read_json(body, what)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise RemoteProtocolError(f"{what} is no JSON object")
    return tree


def _folded(value: Any, cls: type[Struct]) -> Any:
    """``value``, meant to become a ``cls``, with the names as they are declared and no others."""
    if not isinstance(value, dict):
        return value
    types = field_types(cls)
    result = {}
    for name, item in value.items():
        name = name if name in types else name.casefold()
        if name in types:
            inner = types[name]
            result[name] = _folded(item, inner) if is_struct_type(inner) else item
    return result
