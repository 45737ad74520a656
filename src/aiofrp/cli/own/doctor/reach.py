"""Checks of the way to the server: its name, TCP, and the datagrams of KCP and QUIC."""

from __future__ import annotations

import asyncio
import os
import socket

from aiofrp.cli.own.doctor.report import Finding, note, ok, problem
from aiofrp.errors import ConnectFailed
from aiofrp.proxy.datagrams.udpsocket import REFUSED
from aiofrp.transport.net import connect_udp, dial
from aiofrp.transport.outbound import parse_proxy_url, without_password
from aiofrp.transport.resolve import resolve
from aiofrp.wire.addresses import is_address, join_host_port

#: Seconds that a datagram's answer, or an error about it, is waited for.
UDP_WAIT = 2.0
#: Addresses that are shown.
_MOST = 6
#: Bytes of the first datagram of a QUIC connection at least, and of a connection id (RFC 9000 §14.1, §17.2).
_QUIC_FIRST, _ID = 1200, 8


async def name(host: str, port: int) -> Finding:
    """The addresses of ``host``. Raises :class:`~aiofrp.errors.ConnectFailed`."""
    if "://" in host:
        return problem(f"{host} is a URL", f"write the name alone: {host.partition('://')[2].split('/')[0]}")
    if is_address(host):
        return note(f"{host} is an address")
    found = await resolve(host, port)
    addresses = list(dict.fromkeys(str(info[4][0]) for info in found))
    more = f" and {len(addresses) - _MOST} more" if len(addresses) > _MOST else ""
    return ok(f"{host} is {', '.join(addresses[:_MOST])}{more}")


async def tcp(host: str, port: int, timeout: float, local_ip: str = "") -> Finding:
    """A TCP connection. Raises :class:`~aiofrp.errors.ConnectFailed`."""
    stream = await dial(host, port, timeout=timeout, local_ip=local_ip)
    peer = stream.info("peername")
    stream.abort()
    where = join_host_port(*peer[:2]) if peer else join_host_port(host, port)
    return ok(f"{where} accepts connections")


async def outbound_proxy(url: str, timeout: float) -> Finding:
    """The proxy of ``transport.proxyURL``. Raises :class:`~aiofrp.errors.ConnectFailed`."""
    proxy = parse_proxy_url(url)
    finding = await tcp(proxy.host, proxy.port, timeout)
    return ok(f"{without_password(url)}: {finding.text}")


async def quic(host: str, port: int) -> Finding:
    """Whether somebody answers a QUIC packet of an unknown version, which every server does (RFC 9000 §6).

    Raises :class:`~aiofrp.errors.ConnectFailed`."""
    ids = bytes((_ID,)) + os.urandom(_ID)
    packet = b"\xc0" + b"\x1a\x2a\x3a\x4a" + ids + ids
    answer = await _answer(host, port, packet.ljust(_QUIC_FIRST, b"\0"))
    where = join_host_port(host, port)
    if answer is None:
        fix = "open this UDP port in every firewall on the way; is it frps' quicBindPort?"
        return problem(f"no datagram came back from {where} (udp) in {UDP_WAIT:g} s", fix)
    return ok(f"{where} (udp) speaks QUIC")


async def kcp(host: str, port: int) -> Finding:
    """Whether the system says that the port is closed; KCP answers nothing before a login.

    Raises :class:`~aiofrp.errors.ConnectFailed`."""
    await _answer(host, port, b"\0" * 24, wait=0.5)
    return note(
        f"{join_host_port(host, port)} (udp) is not refused; the login shows whether it is frps' kcpBindPort"
    )


async def _answer(host: str, port: int, data: bytes, wait: float = 0) -> bytes | None:
    """What comes back for a datagram that is sent three times, ``None`` for nothing. ``wait``: seconds, 0 for
    :data:`UDP_WAIT`.

    Raises :class:`~aiofrp.errors.ConnectFailed`, also where a message of ICMP says that the port is closed."""
    sock = await connect_udp(host, port)
    loop = asyncio.get_running_loop()
    try:
        for _ in range(3):
            try:
                sock.send(data)
                async with asyncio.timeout((wait or UDP_WAIT) / 3):
                    return await loop.sock_recv(sock, 2048)
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                where = join_host_port(host, port)
                raise ConnectFailed(
                    f"dial udp {where}: the port is closed (ICMP: connection refused)"
                ) from None
        return None
    finally:
        sock.close()


async def udp_service(host: str, port: int) -> Finding:
    """A local service of UDP: an empty datagram is refused where nobody listens. Raises
    :class:`~aiofrp.errors.ConnectFailed`."""
    try:
        await _answer(host, port, b"", wait=0.3)
    except ConnectFailed as error:
        raise ConnectFailed(f"{error}; {REFUSED}" if "ICMP" in str(error) else str(error)) from None
    return ok(f"{join_host_port(host, port)} (udp) is not refused")


def is_free(kind: socket.SocketKind, host: str, port: int) -> bool:
    """Whether a port of this machine could be bound now."""
    from aiofrp.transport.net import ListenFailed, bind_tcp, bind_udp

    try:
        (bind_tcp if kind is socket.SOCK_STREAM else bind_udp)(host, port).close()
    except ListenFailed:
        return False
    return True
