"""What a proxy, a plugin or a visitor sees of the program it runs in: one protocol each, and the halves that use them.

A proxy file holds both halves and knows frps and frpc only through these.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

from msgspec import Struct, field

from aiofrp.config.models.shared import QuicOptions
from aiofrp.errors import FrpError
from aiofrp.host.groups import Groups
from aiofrp.host.lease import Lease, PortLease
from aiofrp.host.messages import Messages
from aiofrp.host.route import Route
from aiofrp.host.vhost import Vhost
from aiofrp.logs import Log
from aiofrp.stream.base import Stream
from aiofrp.stream.splice import Splices
from aiofrp.stream.throttle import Limit
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import NewProxy, StartWorkConn

if TYPE_CHECKING:
    from aiofrp.vnet.network import Network

_T = TypeVar("_T")


class Ports(Protocol):
    """The ports of one kind (tcp or udp)."""

    async def claim(self, name: str, port: int) -> PortLease:
        """Lease ``port`` (0: any) to the proxy ``name``. Raises :class:`~aiofrp.errors.ProxyError`."""


class Joined(Protocol):
    """A user joined to a work connection, or a work connection many users' requests pass through."""

    @property
    def source(self) -> tuple[str, int]:
        """The address and port of the user, of several the latest."""

    @property
    def bytes_in(self) -> int:
        """Bytes that came from users."""

    @property
    def bytes_out(self) -> int:
        """Bytes that went to them."""

    def abort(self) -> None:
        """End the connection at once."""


class ProxyTraffic(Protocol):
    """Counts the user connections of one proxy."""

    def opened(self, joined: Joined) -> None:
        """A user was joined to a work connection."""

    def closed(self, joined: Joined) -> None:
        """``joined`` has ended; its counters are final."""

    def count(self, bytes_in: int, bytes_out: int) -> None:
        """Datagrams were relayed, which belong to no connection."""

    def lost(self, cause: str, count: int) -> None:
        """Datagrams, or users of them, were lost: see :class:`aiofrp.stream.udp.losses.Losses`."""


class Door(Struct, frozen=True):
    """Where visitors of one proxy enter frps."""

    secret_key: str  #: visitors show that they know it
    allow_users: tuple[str, ...]  #: users who may enter; ``*``: everybody
    route: Route  #: gets each visitor as a plain stream, with its wire protocol
    max_message: int = 0  #: bytes of the longest message with a datagram that the proxy's client takes

    def longest_of(self, visitor: int) -> int:
        """The bytes of the longest message that both clients take, where the visitor's takes ``visitor``; 0 where one
        did not say."""
        return min(self.max_message, visitor)

    def __repr__(self) -> str:
        return f"Door(allow_users={self.allow_users!r}, max_message={self.max_message!r})"  # no secret


class Doors(Protocol):
    """The rendezvous of visitors and proxies, by the name of the proxy."""

    async def claim(self, name: str, door: Door) -> Lease:
        """Let visitors of the proxy ``name`` in until the lease ends; those inside stay.

        Raises :class:`~aiofrp.errors.ProxyError` when somebody does already.
        """


class HoleOwner(Struct, frozen=True):
    """An xtcp proxy, of which visitors ask for a hole in its NAT."""

    secret_key: str  #: visitors show that they know it
    allow_users: tuple[str, ...]  #: users who may ask; ``*``: everybody
    messages: Messages  #: the control connection of its client
    #: Makes the client announce itself for a session id; with a callable for the error if it cannot be asked.
    ask: Callable[[str, Callable[[FrpError], None]], None]

    def __repr__(self) -> str:
        return f"HoleOwner(allow_users={self.allow_users!r})"  # no secret


class Holes(Protocol):
    """The rendezvous of visitors and xtcp proxies, by the name of the proxy."""

    async def claim(self, name: str, owner: HoleOwner) -> Lease:
        """Let visitors of the proxy ``name`` ask for holes until the lease ends; holes that are there stay.

        Raises :class:`~aiofrp.errors.ProxyError` when somebody does already.
        """


class HalfContext(Protocol):
    """What every half sees of its program: that of a proxy on frps, that of a proxy on frpc, and a visitor."""

    @property
    def log(self) -> Log:
        """A logger with the run id and the name of the proxy or visitor. On frps it is limited, for what a client's
        messages and its users cause."""

    @property
    def codec(self) -> Codec:
        """The wire protocol between frps and the client."""

    @property
    def udp_packet_size(self) -> int:
        """Bytes read of each datagram."""

    @property
    def messages(self) -> Messages:
        """The control connection of the client, on frpc that of the present session. Who expects a message ends that
        when the half ends."""


class ProxyContext(HalfContext, Protocol):
    """What both halves of a proxy see."""

    @property
    def key(self) -> bytes:
        """The key of encrypted work connections, 16 bytes."""

    @property
    def limit(self) -> Limit | None:
        """The bandwidth limit that this side keeps for the proxy."""


class ServerContext(ProxyContext, Protocol):
    """frps, as the server half of one proxy sees it."""

    @property
    def message(self) -> NewProxy:
        """The request this proxy was made from."""

    @property
    def user_log(self) -> Log:
        """``log`` with a higher limit, for the line about each user."""

    @property
    def bind_addr(self) -> str:
        """The address of proxy listeners."""

    @property
    def user(self) -> str:
        """The user of the proxy's client, or empty."""

    @property
    def max_message(self) -> int:
        """Bytes of the longest message with a datagram that the client takes, as its login says; 0 where it does
        not."""

    @property
    def tcp_ports(self) -> Ports:
        """Leases of TCP ports."""

    @property
    def udp_ports(self) -> Ports:
        """Leases of UDP ports."""

    @property
    def traffic(self) -> ProxyTraffic:
        """Where the proxy counts."""

    @property
    def doors(self) -> Doors:
        """Where visitors enter."""

    @property
    def holes(self) -> Holes:
        """Where visitors ask for direct connections."""

    def vhost(self, kind: str, target: type[_T]) -> Vhost[_T]:
        """The port shared by proxies of a type: http, https or tcpmux. ``target``: the class its domains lead to."""

    def groups(self, kind: str) -> Groups:
        """The load balancing groups of proxies of a type."""

    @property
    def admits_all(self) -> bool:
        """Whether :meth:`admit` calls ``ready`` in the same call, always."""

    def admit(
        self, address: tuple[str, int], ready: Callable[[], None], refused: Callable[[FrpError], None]
    ) -> None:
        """The gate every user passes before a work connection is taken: once for each connection, for each request on
        http, and for each new source address on udp. See :meth:`aiofrp.host.gate.Gate.admit`."""

    def take_work_connection(
        self,
        start: StartWorkConn,
        ready: Callable[[Stream], None],
        failed: Callable[[FrpError], None],
    ) -> None:
        """Get a work connection on which ``start`` was sent: calls ``ready`` at once when one is pooled, later when one
        has to be asked for, or ``failed`` when none comes within ``userConnTimeout``."""


class DatagramUser(Struct, frozen=True):
    """A user of a proxy who is known by his datagrams alone."""

    address: tuple[str, int]
    since: float  #: of the first datagram, in seconds since 1970
    bytes_in: int  #: from the user
    bytes_out: int  #: to the user


class ServerHalf(ABC):
    """A proxy on frps: it listens for users."""

    #: Ports one such proxy counts for ``maxPortsPerClient``.
    ports: ClassVar[int] = 0

    def __init__(self, context: ServerContext) -> None:
        self.context = context

    @property
    def routes(self) -> int:
        """Routes such a proxy enters on a port that domains share."""
        return 0

    def check(self) -> None:  # noqa: B027 - most types are served by every frps
        """Raise FrpError for a request this frps cannot serve as it is configured."""

    @abstractmethod
    async def start(self) -> str:
        """Begin to serve; returns the ``remote_addr`` that the client is answered. Raises FrpError."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop accepting users and give everything back; user connections already joined go on."""

    def datagram_users(self) -> list[DatagramUser]:
        """The users who have no connection; those of a running proxy only."""
        return []

    def forget_user(self, address: tuple[str, int]) -> bool:
        """Forget one of :meth:`datagram_users`; returns whether it was one of them."""
        return False


class DirectOptions(Struct, frozen=True):
    """What direct connections between two frpc are made with."""

    stun_servers: str = ""  #: ``natHoleStunServer``: one, or several separated by commas
    quic: QuicOptions = field(default_factory=QuicOptions)  #: of tunnels over QUIC


class Lasting(Protocol):
    """What a proxy on frpc keeps over several sessions with the server."""

    async def close(self) -> None:
        """The proxy was removed or changed, or frpc ends."""


_L = TypeVar("_L", bound=Lasting)


class ClientContext(ProxyContext, Protocol):
    """frpc, as the client half of one proxy sees it."""

    @property
    def direct(self) -> DirectOptions:
        """For proxies that visitors reach directly."""

    def lasting(self, kind: type[_L], make: Callable[[], _L]) -> _L:
        """What this proxy keeps over sessions, one object of ``kind``: that of an earlier session with the same
        configuration, or a new one of ``make``."""

    @property
    def connections(self) -> Splices:
        """Where running connections are kept until they end."""

    @property
    def network(self) -> Network | None:
        """The virtual network of this frpc; ``None`` without ``virtualNet.address``."""

    def spawn(self, coro: Coroutine[Any, Any, None], name: str) -> None:
        """Run ``coro`` as a task that ends with the proxy."""

    def lost(self, cause: str, count: int) -> None:
        """Datagrams, or users of them, were lost: see :class:`aiofrp.stream.udp.losses.Losses`."""


class ClientHalf(ABC):
    """A proxy on frpc: it answers work connections."""

    @abstractmethod
    def on_work_connection(self, stream: Stream, start: StartWorkConn) -> None:
        """Serve one user: ``stream`` is a work connection just started, nobody attached."""

    async def close(self) -> None:  # noqa: B027 - most types hold nothing
        """Give back what the proxy holds; running connections go on."""


class VisitorContext(HalfContext, Protocol):
    """frpc, as one visitor sees it."""

    @property
    def direct(self) -> DirectOptions:
        """For visitors that reach the proxy's client directly."""

    @property
    def connections(self) -> Splices:
        """Where running connections are kept until they end."""

    @property
    def network(self) -> Network | None:
        """The virtual network of this frpc; ``None`` without ``virtualNet.address``."""

    @property
    def run_id(self) -> str:
        """The run id of the present session."""

    @property
    def user(self) -> str:
        """The user of this frpc, or empty."""

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        """Open a logical connection to the server: ``ready`` is called with it, nobody attached."""

    def find(self, name: str) -> VisitorHalf | None:
        """Another visitor of this frpc, if it is running."""


class VisitorHalf(ABC):
    """A visitor on frpc: a local door to a proxy of another client."""

    @abstractmethod
    async def start(self) -> None:
        """Begin to serve users. Raises FrpError."""

    @abstractmethod
    async def stop(self) -> None:
        """Take no more users; those already joined go on."""

    def accept(self, user: Stream) -> None:
        """Serve a user whom another visitor could not serve, or a plugin of this one; nobody is attached to ``user``.

        One who cannot be served is refused: see :func:`aiofrp.stream.memory.refuse`."""
        user.close()


class MakeClient(Protocol):
    """Makes what serves the users of one proxy on frpc."""

    def __call__(self, context: ClientContext, config: Any, /) -> ClientHalf:
        """``config``: the :class:`~aiofrp.config.models.proxy.ProxyConfig`, of the type's own class.

        Raises :class:`~aiofrp.errors.FrpError` for what cannot be served, such as a certificate that cannot be read;
        that proxy alone is then in error."""


class MakeVisitor(Protocol):
    """Makes what serves the users of one visitor on frpc."""

    def __call__(self, context: VisitorContext, config: Any, /) -> VisitorHalf:
        """``config``: the :class:`~aiofrp.config.models.proxy.VisitorConfig`, of the type's own class."""


class MakeVisitorPlugin(Protocol):
    """Makes what uses a visitor on frpc in place of users, or beside them."""

    def __call__(self, context: VisitorContext, config: Any, visitor: VisitorHalf, /) -> VisitorHalf:
        """``config`` is that of the visitor, of its type's own class; ``visitor`` is what the type itself makes. The
        plugin starts and stops it.

        Raises :class:`~aiofrp.errors.FrpError` for wrong options; that visitor alone is then in error."""
