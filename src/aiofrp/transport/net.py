"""Sockets: listening and dialling.

Operating-system errors are mapped to :class:`aiofrp.errors.TransportError` here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable
from functools import partial

from aiofrp.aio import Steps, limited
from aiofrp.errors import ConnectFailed, TransportError
from aiofrp.stream.layer import hand_out
from aiofrp.stream.tcp import TcpListener, TcpStream, keep_alive, set_keepalive
from aiofrp.transport.files import is_last, watch
from aiofrp.transport.resolve import resolve
from aiofrp.transport.threads import UserThreads
from aiofrp.wire.addresses import is_address, is_loopback, join_host_port
from aiofrp.wire.portnumber import port_number

#: Connections the kernel keeps ready for accept; it lowers this to its own limit.
BACKLOG = 4096
#: Seconds after which the next address of a name is tried as well (RFC 8305 §5).
NEXT_ADDRESS_AFTER = 0.25
#: Bytes that the kernel queues ahead of what it can send to a user or a service. Its default is megabytes: a peer
#: that reads slowly could then not be distinguished for a minute from one that does not read, which would fill them.
MOST_AHEAD = 128 * 1024
#: The kind of a TCP socket that never blocks, where a socket can be made so.
_STREAM = socket.SOCK_STREAM | getattr(socket, "SOCK_NONBLOCK", 0)
_WILDCARDS = ("", "0.0.0.0", "::")


class ListenFailed(TransportError):
    """A socket could not be bound; the text says which and why."""

    def __init__(self, network: str, host: str, port: int, error: OSError) -> None:
        reason = (error.strerror or str(error)).lower()
        super().__init__(f"listen {network} {join_host_port(host, port)}: bind: {reason}")


def bind_tcp(host: str, port: int) -> socket.socket:
    """A bound TCP socket. A wildcard address is one IPv6 socket that takes IPv4 too, where IPv6 exists
    (docs/protocol/server.md §1.1). Raises :class:`ListenFailed`."""
    return _bind(socket.SOCK_STREAM, "tcp", host, port)


def read_port(text: str) -> int:
    """The port from 1 to 65535 that ``text`` is the number of; 0 where it is none."""
    return port_number(text) or 0


def listen_tcp(host: str, port: int) -> socket.socket:
    """A TCP socket as of :func:`bind_tcp` that listens, with the backlog :data:`BACKLOG`."""
    sock = bind_tcp(host, port)
    sock.listen(BACKLOG)
    return sock


def bind_udp(host: str, port: int) -> socket.socket:
    """A bound, non-blocking UDP socket, dual stack like :func:`bind_tcp`."""
    return _bind(socket.SOCK_DGRAM, "udp", host, port)


def _bind(kind: socket.SocketKind, network: str, host: str, port: int) -> socket.socket:
    dual = host in _WILDCARDS and has_ipv6()
    family = socket.AF_INET6 if dual or ":" in host else socket.AF_INET
    sock = socket.socket(family, kind)
    try:
        sock.setblocking(False)
        if kind == socket.SOCK_STREAM and os.name == "posix":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(not dual))
        sock.bind(("::" if dual else host or "0.0.0.0", port))
    except (OSError, OverflowError) as exc:
        sock.close()
        error = exc if isinstance(exc, OSError) else OSError(0, "invalid port")
        raise ListenFailed(network, "::" if dual else host, port, error) from exc
    return sock


def has_ipv6() -> bool:
    """Whether this machine can bind IPv6 sockets."""
    if not socket.has_ipv6:
        return False
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return False
    return True


async def listen(
    host: str,
    port: int,
    connected: Callable[[TcpStream], None],
    *,
    for_users: bool = False,
    keepalive: float | None = None,
) -> TcpListener:
    """Listen on ``host:port``; ``connected`` is called with each accepted stream. Connections ``for_users`` are refused
    when only the last files are left (see :mod:`aiofrp.transport.files`), and the kernel holds little for them.
    ``keepalive``: see :func:`aiofrp.stream.tcp.set_keepalive`.

    Raises :class:`ListenFailed`.
    """
    sock = bind_tcp(host, port)
    if for_users:
        connected = _leaving_files(connected)
        _take_little_ahead(sock)  # connections inherit it
    if keepalive is not None:
        connected = _kept_alive(sock, keepalive, connected)
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(lambda: TcpStream(connected), sock=sock, backlog=BACKLOG)
    except OSError as exc:
        sock.close()
        raise ListenFailed("tcp", host, port, exc) from exc
    return TcpListener(server)


def _kept_alive(
    sock: socket.socket, seconds: float, connected: Callable[[TcpStream], None]
) -> Callable[[TcpStream], None]:
    if sys.platform == "linux":  # connections inherit it: 7 µs less for each
        keep_alive(sock, seconds)
        return connected

    def accepted(stream: TcpStream) -> None:
        set_keepalive(stream, seconds)
        connected(stream)

    return accepted


def _leaving_files(connected: Callable[[TcpStream], None]) -> Callable[[TcpStream], None]:
    def accepted(stream: TcpStream) -> None:
        if watch.has_last(lambda: _number(stream)):
            stream.abort()
        else:
            connected(stream)

    return accepted


def _take_little_ahead(sock: socket.socket | None) -> None:
    """Let the kernel hold at most :data:`MOST_AHEAD` bytes that it cannot send yet, where it can (Linux, macOS).

    ``None``, the socket of a stream that has ended, is left alone.
    """
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if option is not None and sock is not None:
        with contextlib.suppress(OSError, ValueError):  # the peer was faster and the socket is closed
            sock.setsockopt(socket.IPPROTO_TCP, option, MOST_AHEAD)


def _number(stream: TcpStream) -> int | None:
    """The number of its descriptor."""
    sock = stream.info("socket")
    return None if sock is None else sock.fileno()


async def dial(
    host: str,
    port: int,
    *,
    timeout: float,
    local_ip: str = "",
    for_user: bool = False,
    threads: UserThreads | None = None,
) -> TcpStream:
    """Connect to ``host:port`` from ``local_ip`` (empty: any) within ``timeout`` seconds (see
    :func:`aiofrp.aio.limited`); ``for_user`` fails when only the last files are left (see
    :mod:`aiofrp.transport.files`), and the kernel holds little for that connection.
    ``threads``: where a name is looked up that a user chose.

    Raises :class:`~aiofrp.errors.ConnectFailed` with the operating system's reason.
    """
    where = f"dial tcp {join_host_port(host, port)}"
    try:
        async with limited(timeout):
            if is_address(host):
                stream = await _connect(host, port, local_ip)
            else:
                stream = await _connect_name(host, port, local_ip, threads)
        if for_user:
            sock = stream.info("socket")
            if sock is not None and is_last(sock.fileno()):
                stream.abort()
                raise ConnectFailed("too many open files")
            _take_little_ahead(sock)
        return stream
    except TimeoutError:
        raise ConnectFailed(f"{where}: i/o timeout after {timeout:g} s") from None
    except ConnectFailed as exc:
        raise ConnectFailed(f"{where}: {exc}") from exc
    except (OSError, OverflowError, ValueError) as exc:
        raise ConnectFailed(f"{where}: {connect_reason(exc)}") from exc


def dial_here(
    host: str, port: int, ready: Callable[[TcpStream], object], failed: Callable[[Exception], object]
) -> bool:
    """Connect a user to a program on this machine, which costs no task and no timer: the kernel connects both ends
    within the call. The stream is given to ``ready`` on a later turn of the loop, or an error to ``failed``.

    Returns ``False``, and calls neither, where it did not succeed at once: at an address that is no loopback address,
    a refusal, a full backlog, one of the last files. :func:`dial` then does it, or says why not.
    """
    if not is_loopback(host):
        return False
    sock = None
    try:
        sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, _STREAM)
        if watch.has_last(sock.fileno) or (sock.connect_ex((host, port)) and sock.connect_ex((host, port))):
            sock.close()
            return False
        _take_little_ahead(sock)
    except (OSError, OverflowError):
        if sock is not None:
            sock.close()
        return False
    work = asyncio.get_running_loop().create_connection(partial(TcpStream, sock=sock), sock=sock)
    Steps(work, lambda made: hand_out(made[1], ready), failed).go()
    return True


async def _connect(host: str, port: int, local_ip: str) -> TcpStream:
    local = (local_ip, 0) if local_ip else None
    _, stream = await asyncio.get_running_loop().create_connection(TcpStream, host, port, local_addr=local)
    return stream


async def _connect_name(host: str, port: int, local_ip: str, threads: UserThreads | None) -> TcpStream:
    """The first address that answers, each next one tried a moment later (RFC 8305)."""
    found = await resolve(host, port, threads=threads)
    if len(found) == 1:
        return await _connect(str(found[0][4][0]), port, local_ip)
    from aiohappyeyeballs import start_connection

    local = await resolve(local_ip, 0) if local_ip else None
    sock = await start_connection(found, local_addr_infos=local, happy_eyeballs_delay=NEXT_ADDRESS_AFTER)
    _, stream = await asyncio.get_running_loop().create_connection(TcpStream, sock=sock)
    return stream


async def connect_udp(host: str, port: int) -> socket.socket:
    """A non-blocking UDP socket connected to ``host:port``, which says nothing about whether anybody is there.
    So there is no trying of several addresses; like the reference it prefers IPv4.

    Raises :class:`~aiofrp.errors.ConnectFailed`.
    """
    where = f"dial udp {join_host_port(host, port)}"
    try:
        found = await resolve(host, port, socket.SOCK_DGRAM)
    except ConnectFailed as exc:
        raise ConnectFailed(f"{where}: {exc}") from exc
    error: OSError = OSError("no address")
    for family, kind, protocol, _, address in sorted(found, key=lambda info: info[0] != socket.AF_INET):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            sock.connect(address)
        except OSError as exc:
            sock.close()
            error = exc
        else:
            return sock
    raise ConnectFailed(f"{where}: {connect_reason(error)}") from error


async def dial_unix(path: str, *, timeout: float) -> TcpStream:
    """Connect a user to the Unix domain socket at ``path`` within ``timeout`` seconds.

    A leading ``@`` names an abstract socket, as in Go. Fails when only the last files are left
    (see :mod:`aiofrp.transport.files`).

    Raises :class:`~aiofrp.errors.ConnectFailed` with the operating system's reason.
    """
    where = f"dial unix {path}"
    try:
        async with asyncio.timeout(timeout):
            return await _connect_unix(f"\0{path[1:]}" if path.startswith("@") else path)
    except TimeoutError:
        raise ConnectFailed(f"{where}: i/o timeout after {timeout:g} s") from None
    except ConnectFailed as exc:
        raise ConnectFailed(f"{where}: {exc}") from exc
    except (OSError, ValueError) as exc:
        raise ConnectFailed(f"{where}: {connect_reason(exc)}") from exc


async def _connect_unix(name: str) -> TcpStream:
    if not hasattr(socket, "AF_UNIX"):
        raise ConnectFailed("this system has no Unix domain sockets")
    loop = asyncio.get_running_loop()
    sock = socket.socket(socket.AF_UNIX)  # connected here: uvloop itself knows no abstract names
    try:
        if is_last(sock.fileno()):
            raise ConnectFailed("too many open files")
        sock.setblocking(False)
        await loop.sock_connect(sock, name)
        _, stream = await loop.create_unix_connection(TcpStream, sock=sock)
    except BaseException:
        sock.close()
        raise
    return stream


def connect_reason(exc: BaseException) -> str:
    """Why a connection failed, in the words users search for."""
    if isinstance(exc, ConnectionRefusedError):
        return "connect: connection refused"
    if isinstance(exc, socket.gaierror):
        return "lookup: no such host"
    if isinstance(exc, OSError) and exc.strerror and not exc.strerror.startswith("Multiple"):
        return f"connect: {exc.strerror.lower()}"
    return str(exc)
