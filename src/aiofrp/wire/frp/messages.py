"""The eighteen messages of frp as values (docs/protocol/wire.md §6.1).

Knows names, types and numbers of messages, not how they are framed: ``codec`` and ``codec2`` do that. Field
order is the order on the wire. Every field has a default, the zero value of the reference, and is left out
when it has it; nested objects (``client_spec``, ``detect_behavior``) are always written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, ClassVar, TypeVar

from msgspec import Meta, Struct, field

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""The reference's int and int64: a number outside is refused."""

Port = Annotated[int, Meta(ge=0, le=65535)]


class Message(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of all messages."""

    type_byte: ClassVar[bytes]  # wire protocol v1
    message_id: ClassVar[int]  # wire protocol v2


BY_TYPE_BYTE: dict[int, type[Message]] = {}
"""v1 type byte, as an int → message class."""

BY_MESSAGE_ID: dict[int, type[Message]] = {}
"""v2 message id → message class."""

_M = TypeVar("_M", bound=Message)


def message(type_byte: bytes, message_id: int) -> Callable[[type[_M]], type[_M]]:
    """Register a message class under its v1 type byte and its v2 id."""

    def register(cls: type[_M]) -> type[_M]:
        cls.type_byte = type_byte
        cls.message_id = message_id
        BY_TYPE_BYTE[type_byte[0]] = cls
        BY_MESSAGE_ID[message_id] = cls
        return cls

    return register


# Session


class ClientSpec(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What kind of client logs in; honoured only for clients inside the server process."""

    type: str = ""
    always_auth_pass: bool = False


@message(b"o", 1)
class Login(Message, frozen=True, kw_only=True, omit_defaults=True):
    """First message on a control connection, client to server."""

    version: str = ""
    hostname: str = ""
    os: str = ""
    arch: str = ""
    user: str = ""
    privilege_key: str = ""
    timestamp: Int64 = 0
    run_id: str = ""
    client_id: str = ""
    metas: dict[str, str] = field(default_factory=dict)
    client_spec: ClientSpec = field(default_factory=ClientSpec)
    pool_count: Int64 = 0
    max_message: Int64 = field(default=0, name="aiofrp_max_message")
    """Bytes of the longest message with a datagram that the client takes; frp says nothing of it and takes what its
    protocol limits."""
    takes_streams: bool = field(default=False, name="aiofrp_takes_streams")
    """Whether the client takes streams that the server opens, as work connections; frp takes none."""


@message(b"1", 2)
class LoginResp(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Answer to a login; a non-empty ``error`` means refused."""

    version: str = ""
    run_id: str = ""
    error: str = ""


@message(b"h", 11)
class Ping(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Heartbeat of the client; also sent on UDP work connections."""

    privilege_key: str = ""
    timestamp: Int64 = 0


@message(b"4", 12)
class Pong(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Answer to a ping on the control connection; an ``error`` ends the session."""

    error: str = ""


# Proxies


@message(b"p", 3)
class NewProxy(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The client asks the server to publish a proxy."""

    proxy_name: str = ""
    proxy_type: str = ""
    use_encryption: bool = False
    use_compression: bool = False
    bandwidth_limit: str = ""
    bandwidth_limit_mode: str = ""
    group: str = ""
    group_key: str = ""
    metas: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    remote_port: Int64 = 0
    custom_domains: tuple[str, ...] = ()
    subdomain: str = ""
    locations: tuple[str, ...] = ()
    http_user: str = ""
    http_pwd: str = ""
    host_header_rewrite: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    response_headers: dict[str, str] = field(default_factory=dict)
    route_by_http_user: str = ""
    sk: str = ""
    allow_users: tuple[str, ...] = ()
    multiplexer: str = ""


@message(b"2", 4)
class NewProxyResp(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The server's answer to a :class:`NewProxy`."""

    proxy_name: str = ""
    remote_addr: str = ""
    error: str = ""


@message(b"c", 5)
class CloseProxy(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The client withdraws a proxy; there is no answer."""

    proxy_name: str = ""


# Work and visitor connections


@message(b"w", 6)
class NewWorkConn(Message, frozen=True, kw_only=True, omit_defaults=True):
    """First message on a work connection, client to server."""

    run_id: str = ""
    privilege_key: str = ""
    timestamp: Int64 = 0


@message(b"r", 7)
class ReqWorkConn(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The server asks for one more work connection."""


@message(b"s", 8)
class StartWorkConn(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The server puts a work connection to use; relayed bytes follow at once."""

    proxy_name: str = ""
    src_addr: str = ""
    dst_addr: str = ""
    src_port: Port = 0
    dst_port: Port = 0
    error: str = ""
    max_message: Int64 = field(default=0, name="aiofrp_max_message")
    """The same of the other end of this connection."""


@message(b"v", 9)
class NewVisitorConn(Message, frozen=True, kw_only=True, omit_defaults=True):
    """First message on a visitor connection, client to server."""

    run_id: str = ""
    proxy_name: str = ""
    sign_key: str = ""
    timestamp: Int64 = 0
    use_encryption: bool = False
    use_compression: bool = False
    max_message: Int64 = field(default=0, name="aiofrp_max_message")
    """As in :class:`Login`."""


@message(b"3", 10)
class NewVisitorConnResp(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The server's answer to a :class:`NewVisitorConn`."""

    proxy_name: str = ""
    error: str = ""
    max_message: Int64 = field(default=0, name="aiofrp_max_message")
    """As in :class:`StartWorkConn`."""


class UDPAddress(Struct, frozen=True, kw_only=True):
    """Address inside a :class:`UDPPacket`; all three fields are always written.

    ``ip`` is text as the peer sent it and need not be an address; ``port`` neither.
    """

    ip: str = field(default="", name="IP")
    port: Int64 = field(default=0, name="Port")
    zone: str = field(default="", name="Zone")


@message(b"u", 13)
class UDPPacket(Message, frozen=True, kw_only=True, omit_defaults=True):
    """One datagram. ``remote_addr`` is the user's address, ``local_addr`` is not used today."""

    content: bytes = field(default=b"", name="c")
    local_addr: UDPAddress | None = field(default=None, name="l")
    remote_addr: UDPAddress | None = field(default=None, name="r")


# NAT hole punching


@message(b"i", 14)
class NatHoleVisitor(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The visitor of an xtcp proxy asks for a hole (or, with ``pre_check``, whether it may)."""

    transaction_id: str = ""
    proxy_name: str = ""
    pre_check: bool = False
    protocol: str = ""
    sign_key: str = ""
    timestamp: Int64 = 0
    mapped_addrs: tuple[str, ...] = ()
    assisted_addrs: tuple[str, ...] = ()


@message(b"n", 15)
class NatHoleClient(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Addresses of the client that has the xtcp proxy: seen by STUN, and of its interfaces."""

    transaction_id: str = ""
    proxy_name: str = ""
    sid: str = ""
    mapped_addrs: tuple[str, ...] = ()
    assisted_addrs: tuple[str, ...] = ()


class CandidatePortsRange(
    Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"start": "from", "end": "to"}
):
    """Ports ``start`` to ``end``, both included (``from`` and ``to`` on the wire)."""

    start: Int64 = 0
    end: Int64 = 0


class NatHoleDetectBehavior(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The server's instructions to one side for punching. Times are in milliseconds."""

    role: str = ""
    mode: Int64 = 0
    ttl: Int64 = 0
    send_delay_ms: Int64 = 0
    read_timeout_ms: Int64 = field(default=0, name="read_timeout")
    candidate_ports: tuple[CandidatePortsRange, ...] = ()
    send_random_ports: Int64 = 0
    listen_random_ports: Int64 = 0


@message(b"m", 16)
class NatHoleResp(Message, frozen=True, kw_only=True, omit_defaults=True):
    """The server's instructions to either side."""

    transaction_id: str = ""
    sid: str = ""
    protocol: str = ""
    candidate_addrs: tuple[str, ...] = ()
    assisted_addrs: tuple[str, ...] = ()
    detect_behavior: NatHoleDetectBehavior = field(default_factory=NatHoleDetectBehavior)
    error: str = ""


@message(b"5", 17)
class NatHoleSid(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Names a transaction: on an xtcp work connection, and as a datagram between the peers."""

    transaction_id: str = ""
    sid: str = ""
    response: bool = False
    nonce: str = ""


@message(b"6", 18)
class NatHoleReport(Message, frozen=True, kw_only=True, omit_defaults=True):
    """Whether the punching worked, from the client that has the xtcp proxy."""

    sid: str = ""
    success: bool = False
