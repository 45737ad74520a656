"""The hellos of wire protocol v2: which codec and cipher a control connection will use
(docs/protocol/wire.md §6.2).

Their payloads are hashed as sent, so both sides must keep the very bytes.
"""

from __future__ import annotations

import os
from typing import Final

from msgspec import Struct, field

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.jsonbody import decode_body
from aiofrp.wire.transforms.aead import ALGORITHMS

_CODEC: Final = "json"
_RANDOM_SIZE: Final = 32


class Bootstrap(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the client connected; the server only logs it."""

    transport: str = ""
    tls: bool = False
    tcp_mux: bool = field(default=False, name="tcpMux")


class MessageCapabilities(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Codecs of message bodies the client knows."""

    codecs: tuple[str, ...] = ()


class CryptoCapabilities(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Ciphers the client knows, best first, and 32 random bytes."""

    algorithms: tuple[str, ...] = ()
    client_random: bytes = field(default=b"", name="clientRandom")


class ClientCapabilities(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server may choose from."""

    message: MessageCapabilities = field(default_factory=MessageCapabilities)
    crypto: CryptoCapabilities = field(default_factory=CryptoCapabilities)


class ClientHello(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """First frame of a client on a control connection."""

    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    capabilities: ClientCapabilities = field(default_factory=ClientCapabilities)


class MessageSelection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The codec of message bodies chosen."""

    codec: str = ""


class CryptoSelection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cipher chosen, and 32 random bytes; empty when the hello was refused."""

    algorithm: str = ""
    server_random: bytes = field(default=b"", name="serverRandom")


class ServerSelection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the server chose."""

    message: MessageSelection = field(default_factory=MessageSelection)
    crypto: CryptoSelection = field(default_factory=CryptoSelection)


class ServerHello(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """First frame of the server; with a non-empty ``error`` also its last."""

    selected: ServerSelection = field(default_factory=ServerSelection)
    error: str = ""


def new_client_hello(bootstrap: Bootstrap, algorithms: tuple[str, ...] = ALGORITHMS) -> ClientHello:
    """Return a hello with fresh randomness, offering ``algorithms`` in this order."""
    return ClientHello(
        bootstrap=bootstrap,
        capabilities=ClientCapabilities(
            message=MessageCapabilities(codecs=(_CODEC,)),
            crypto=CryptoCapabilities(algorithms=algorithms, client_random=os.urandom(_RANDOM_SIZE)),
        ),
    )


def answer_client_hello(payload: bytes) -> ServerHello:
    """Return the server's answer to the payload of a ClientHello frame.

    A hello that cannot be satisfied gets an answer with ``error``, to be sent before closing. One that cannot
    be read raises :class:`RemoteProtocolError` and gets none, as with the reference.
    """
    capabilities = decode_body(ClientHello, payload).capabilities
    error = _refusal(capabilities)
    crypto = CryptoSelection() if error else _select(capabilities.crypto)
    selected = ServerSelection(message=MessageSelection(codec=_CODEC), crypto=crypto)
    return ServerHello(selected=selected, error=error)


def _refusal(capabilities: ClientCapabilities) -> str:
    size = len(capabilities.crypto.client_random)
    if _CODEC not in capabilities.message.codecs:
        return "unsupported message codec"
    if size != _RANDOM_SIZE:
        return f"invalid crypto client random length {size}, want {_RANDOM_SIZE}"
    if not set(ALGORITHMS) & set(capabilities.crypto.algorithms):
        return "no supported crypto algorithm"
    return ""


def _select(crypto: CryptoCapabilities) -> CryptoSelection:
    chosen = next(algorithm for algorithm in crypto.algorithms if algorithm in ALGORITHMS)
    return CryptoSelection(algorithm=chosen, server_random=os.urandom(_RANDOM_SIZE))


def accept_server_hello(sent: ClientHello, payload: bytes) -> str:
    """Return the algorithm chosen in the payload of a ServerHello frame, the answer to ``sent``.

    Raises :class:`RemoteProtocolError` when it is unreadable, a refusal, or a choice that was not offered.
    """
    hello = decode_body(ServerHello, payload)
    message, crypto = hello.selected.message, hello.selected.crypto
    if hello.error:
        raise RemoteProtocolError(hello.error)
    if message.codec != _CODEC:
        raise RemoteProtocolError(f"unsupported selected message codec: {message.codec}")
    if crypto.algorithm not in sent.capabilities.crypto.algorithms:
        raise RemoteProtocolError(f"selected crypto algorithm was not offered: {crypto.algorithm}")
    if len(crypto.server_random) != _RANDOM_SIZE:
        raise RemoteProtocolError(f"invalid crypto server random length {len(crypto.server_random)}")
    return crypto.algorithm
