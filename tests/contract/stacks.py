"""The stacks of layers the contract is checked on.

A stack is named from the top: ``mux/tls/tcp`` is a yamux stream over TLS over TCP. A carrier is a row of
:data:`CARRIERS`, a layer a row of :data:`LAYERS`; a new transport adds one row there and its names to :data:`STACKS`
and :data:`CONNECTIONS`. Every run checks :data:`STACKS`, which holds each neighbourhood of two layers; a soak run
checks everything a configuration can ask for.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from aiofrp.http.scheduler import Scheduler
from aiofrp.http.v2.connection import Connection2
from aiofrp.http.v2.stream import Headers, Stream2, ignore
from aiofrp.server.ssh.protocol.channels import MAX_WINDOW, ForwardedChannel
from aiofrp.stream.base import Stream, nothing
from aiofrp.stream.kcp.dial import dial as dial_kcp
from aiofrp.stream.kcp.listener import KcpLimits, KcpListener
from aiofrp.stream.kcp.stream import KcpStream
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.mux.stream import MuxStream
from aiofrp.stream.quic.core.library import server_configuration
from aiofrp.stream.quic.core.limits import QuicIdentity, QuicLimits, QuicListenLimits
from aiofrp.stream.quic.dial import dial as dial_quic
from aiofrp.stream.quic.listener import QuicListener
from aiofrp.stream.quic.stream import QuicStream
from aiofrp.stream.reader import Reader
from aiofrp.stream.tcp import TcpStream
from aiofrp.stream.throttle import Limit
from aiofrp.stream.tls.handshake import handshake
from aiofrp.stream.tls.stream import TlsStream
from aiofrp.stream.transform import through
from aiofrp.stream.websocket import WebSocketStream
from aiofrp.wire.transforms.aescfb import AesCfb
from aiofrp.wire.transforms.base import Transform
from aiofrp.wire.transforms.snappy import Snappy
from tests.support.certs import NAME, authority
from tests.support.ends import PATIENCE, End
from tests.support.sshchannels import PlainPackets

S = TypeVar("S", bound=Stream)
KIB = 1024
#: The kernel's buffers of the test's sockets, bytes asked for (it doubles them).
_SOCKET_BUFFER = 32 * KIB
#: Segments the test's KCP sessions may have on their way or unread.
_WINDOW = 64


@dataclass(slots=True)
class Pair:
    """Two connected streams and what is known about them."""

    a: Stream  #: the side that dials: TLS client, yamux client
    b: Stream
    bound: int  #: bytes one side may take from a writer while the other side does not read
    volume: int  #: bytes a test should move at most, so that it stays quick
    trickles: bool = False  #: the carrier moves few bytes a turn, so that large buffers never fill in a test
    notices_cut: bool = False  #: a carrier that ends without a farewell is an error to its user
    aborts_are_errors: bool = True  #: the peer of an abort gets an error; SSH has no reset
    carriers: tuple[Stream, Stream] = field(init=False)  #: the lowest streams
    ends: list[End] = field(default_factory=list)  #: their users so far
    below: list[Callable[[], None]] = field(default_factory=list)  #: drops what carries the carriers
    #: Makes another pair beside this one: of the same session where there is one, else another connection.
    another: Callable[[], Awaitable[Pair]] | None = None
    flipped: bool = False

    def __post_init__(self) -> None:
        self.carriers = (self.a, self.b)

    def flip(self) -> None:
        """See the pair from the other side."""
        self.a, self.b = self.b, self.a
        self.carriers = self.carriers[::-1]
        self.flipped = not self.flipped

    async def neighbour(self) -> Pair:
        """Another pair beside this one, seen from the same side; the caller disposes of it."""
        assert self.another is not None
        pair = await self.another()
        if self.flipped:
            pair.flip()
        return pair

    def user(self, stream: Stream) -> End:
        """A new user of one of the two streams, attached."""
        end = End(stream)
        self.ends.append(end)
        return end.attach()

    def dispose(self) -> None:
        """Drop everything."""
        for stream in (self.a, self.b, *self.carriers):
            stream.abort()
        for drop in self.below:
            drop()


# Carriers


async def tcp() -> Pair:
    """A connection on 127.0.0.1 with small buffers in the kernel."""
    loop = asyncio.get_running_loop()
    accepted: asyncio.Future[TcpStream] = loop.create_future()
    listening, dialling = socket.socket(), socket.socket()
    for sock in (listening, dialling):
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER)
    listening.bind(("127.0.0.1", 0))
    server = await loop.create_server(lambda: TcpStream(accepted.set_result), sock=listening)
    await loop.sock_connect(dialling, listening.getsockname())
    _, a = await loop.create_connection(TcpStream, sock=dialling)
    b = await accepted
    server.close()
    return Pair(a, b, bound=1024 * KIB, volume=512 * KIB)


async def lending() -> Pair:
    """The same, with sockets that are read into lent memory, which needs bulk elsewhere."""
    pair = await tcp()
    for stream in (pair.a, pair.b):
        assert isinstance(stream, TcpStream)
        stream.lend()
    return pair


async def kcp() -> Pair:
    """A session on 127.0.0.1 with small windows; a first word opens it. Others share the listener's port."""
    accepted: asyncio.Queue[KcpStream] = asyncio.Queue()
    listening = _datagram_socket()
    listening.bind(("127.0.0.1", 0))
    limits = KcpLimits(send_window=_WINDOW, receive_window=_WINDOW)
    listener = KcpListener(listening, accepted.put_nowait, limits)

    async def session() -> Pair:
        dialling = _datagram_socket()
        dialling.connect(listener.address)
        a = dial_kcp(dialling, send_window=_WINDOW, receive_window=_WINDOW)
        b = await _opened_by_a_word(a, accepted)
        return Pair(a, b, bound=1024 * KIB, volume=512 * KIB)

    pair = await session()
    pair.below, pair.another = [listener.close], session
    return pair


def _datagram_socket() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    return sock


async def _opened_by_a_word(a: Stream, accepted: asyncio.Queue[S]) -> S:
    """The other end of ``a``, which the peer hears of by its first bytes."""
    a.write(b"word")
    b = await accepted.get()
    reader = Reader(b)
    assert await reader.read_exactly(4) == b"word"
    reader.detach()
    return b


async def quic() -> Pair:
    """A stream of a connection on 127.0.0.1 with small windows; a first word opens it."""
    accepted: asyncio.Queue[QuicStream] = asyncio.Queue()
    listening, dialling = _datagram_socket(), _datagram_socket()
    listening.bind(("127.0.0.1", 0))
    dialling.connect(listening.getsockname())
    limits = QuicLimits(stream_window=128 * KIB, connection_window=256 * KIB)
    identity = QuicIdentity(authority().certificate, authority().key)
    listener = QuicListener(
        listening,
        lambda: (server_configuration(identity, limits), None),
        accepted.put_nowait,
        limits=QuicListenLimits(connection=limits),
    )
    session = await dial_quic(
        dialling, server_name=NAME, identity=QuicIdentity(), limits=limits, timeout=PATIENCE
    )

    async def stream() -> Pair:
        a = session.open()
        b = await _opened_by_a_word(a, accepted)
        b.info("carrier").granted()
        return Pair(a, b, bound=2560 * KIB, volume=512 * KIB)

    pair = await stream()
    pair.below, pair.another = [session.abort, listener.abort], stream
    return pair


def memory(chunk: int) -> Callable[[], Awaitable[Pair]]:
    """A pair in memory that delivers at most ``chunk`` bytes at a time."""

    async def make() -> Pair:
        # Byte by byte a large buffer takes many seconds to empty.
        high_water = 8 * KIB if chunk == 1 else 64 * KIB
        a, b = memory_pair(chunk=chunk, high_water=high_water)
        return Pair(
            a, b, bound=high_water + 96 * KIB, volume=min(1000 * chunk, 512 * KIB), trickles=chunk < KIB
        )

    return make


# Layers


@cache
def _contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Those of a client and of a server, for all pairs: making them takes longer than a handshake."""
    return authority().client_context(), authority().server_context()


async def tls(below: Pair) -> Pair:
    """TLS with a verified certificate."""
    for_client, for_server = _contexts()
    client = TlsStream(below.a, for_client, server_side=False, server_hostname=NAME)
    server = TlsStream(below.b, for_server, server_side=True)
    async with asyncio.TaskGroup() as group:
        group.create_task(handshake(client, PATIENCE))
        group.create_task(handshake(server, PATIENCE))
    return Pair(client, server, below.bound + 256 * KIB, below.volume, below.trickles, notices_cut=True)


async def mux(below: Pair) -> Pair:
    """One yamux stream, opened by the client; others are of the same session."""
    opened: asyncio.Queue[MuxStream] = asyncio.Queue()
    MuxSession(below.b, client=False, on_stream=opened.put_nowait)
    session = MuxSession(below.a, client=True)

    async def stream() -> Pair:
        client = session.open()
        server = await opened.get()
        return Pair(client, server, 6400 * KIB, below.volume, below.trickles, notices_cut=True)

    pair = await stream()
    pair.another = stream
    return pair


async def http2(below: Pair) -> Pair:
    """A stream of HTTP/2 whose request is answered, so that bytes may go both ways; others share the connection."""
    opened: asyncio.Queue[Stream2] = asyncio.Queue()

    def accept(stream: Stream2, headers: Headers, ended: bool) -> None:
        stream.send_headers([(b":status", b"200")])
        opened.put_nowait(stream)

    Connection2(below.b, Scheduler(), opened=accept, lost=nothing)
    connection = Connection2(below.a, Scheduler(), lost=nothing, client=True)

    async def stream() -> Pair:
        request = [(b":method", b"POST"), (b":scheme", b"http"), (b":authority", b"x"), (b":path", b"/")]
        client = connection.open(request, ignore, end=False)
        assert client is not None
        server = await opened.get()
        return Pair(client, server, below.bound + 1024 * KIB, below.volume, below.trickles, notices_cut=True)

    pair = await stream()
    pair.another = stream
    return pair


async def ssh(below: Pair) -> Pair:
    """A forwarded channel of SSH, without the ciphers; others share the connection."""
    taken: asyncio.Queue[ForwardedChannel] = asyncio.Queue()
    PlainPackets(below.b, taken.put_nowait)
    packets = PlainPackets(below.a)

    async def stream() -> Pair:
        near = packets.open()
        far = await taken.get()
        bound = below.bound + MAX_WINDOW + 256 * KIB
        return Pair(near, far, bound, below.volume, below.trickles, aborts_are_errors=False, notices_cut=True)

    pair = await stream()
    pair.another = stream
    return pair


async def websocket(below: Pair) -> Pair:
    """An open websocket, past its handshake."""
    client, server = WebSocketStream(below.a, client=True), WebSocketStream(below.b, client=False)
    return Pair(client, server, below.bound + 128 * KIB, below.volume, notices_cut=True)


async def transforms(below: Pair) -> Pair:
    """frp's encryption, and compression inside it."""

    def both() -> list[Transform]:
        return [AesCfb(b"0123456789abcdef"), Snappy()]

    return Pair(
        through(below.a, both()),
        through(below.b, both()),
        below.bound + 256 * KIB,
        below.volume,
        below.trickles,
        below.notices_cut,
    )


async def throttle(below: Pair) -> Pair:
    """A bandwidth limit on both sides, one of them low; a writer beyond it goes on as it pays, whoever reads. Others
    share the limits."""
    near, far = Limit(256 * KIB), Limit(3000 * KIB)

    def limited(lower: Pair) -> Pair:
        return Pair(
            near.throttle(lower.a),
            far.throttle(lower.b),
            lower.bound + 256 * KIB,
            min(lower.volume, 300 * KIB),
            trickles=True,
            notices_cut=lower.notices_cut,
        )

    async def another() -> Pair:
        assert below.another is not None
        return limited(await below.another())

    pair = limited(below)
    pair.another = another
    return pair


CARRIERS: dict[str, Callable[[], Awaitable[Pair]]] = {
    "tcp": tcp,
    "lending": lending,
    "kcp": kcp,
    "quic": quic,
    "memory1": memory(1),
    "memory7": memory(7),
    "memory64k": memory(64 * KIB),
}
LAYERS: dict[str, Callable[[Pair], Awaitable[Pair]]] = {
    "http2": http2,
    "tls": tls,
    "mux": mux,
    "ssh": ssh,
    "throttle": throttle,
    "transforms": transforms,
    "websocket": websocket,
}

STACKS = [
    "tcp",
    "lending",
    "memory1",
    "memory7",
    "memory64k",
    "tls/tcp",
    "tls/memory7",
    "mux/tcp",
    "mux/memory7",
    "mux/memory64k",
    "mux/tls/tcp",
    "mux/lending",
    "mux/tls/lending",
    "tls/mux/tcp",
    "websocket/tcp",
    "websocket/memory1",
    "websocket/tls/tcp",
    "tls/websocket/tcp",
    "mux/websocket/tls/tcp",
    "mux/tls/websocket/tcp",
    "kcp",
    "tls/kcp",
    "mux/kcp",
    "mux/tls/kcp",
    "quic",
    "tls/quic",
    "transforms/tcp",
    "transforms/memory7",
    "transforms/quic",
    "transforms/mux/tls/tcp",
    "throttle/memory7",
    "throttle/memory64k",
    "http2/tcp",
    "http2/memory64k",
    "http2/tls/tcp",
    "ssh/tcp",
]

#: What carries the logical connections of one client, by ``transport.protocol`` and ``transport.tls``.
CONNECTIONS = [
    "tcp",
    "tls/tcp",
    "websocket/tcp",
    "tls/websocket/tcp",
    "websocket/tls/tcp",  # wss
    "kcp",
    "tls/kcp",
]
#: A proxy's bandwidth limit with encryption and compression, at frpc and at frps.
_LIMITED = ["transforms/throttle/", "throttle/transforms/"]


def configurable() -> list[str]:
    """Every stack between a work connection's two ends that a configuration can ask for; limits, which take their
    time, without yamux."""
    single = [*CONNECTIONS, "quic"]
    logical = [*single, *(f"mux/{connection}" for connection in CONNECTIONS)]
    plain = [top + connection for top in ("", "transforms/") for connection in logical]
    return plain + [limited + connection for limited in _LIMITED for connection in single]


async def build(name: str) -> Pair:
    """The stack called ``name``."""
    *layers, carrier = name.split("/")
    pair = await CARRIERS[carrier]()
    pair.another = pair.another or (lambda: CARRIERS[carrier]())
    carriers, below = pair.carriers, pair.below
    for layer in reversed(layers):
        pair = await _over(pair, layer)
    pair.carriers, pair.below = carriers, below
    return pair


async def _over(below: Pair, layer: str) -> Pair:
    pair = await LAYERS[layer](below)

    async def another() -> Pair:
        assert below.another is not None
        return await LAYERS[layer](await below.another())

    pair.another = pair.another or another
    return pair
