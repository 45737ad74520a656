"""Outside addresses of a UDP socket, as two addresses of STUN servers see it (docs/protocol/nat.md §1).

All requests leave one socket, which is then the one that the hole is punched from. Each is sent three times within its
3 seconds, unless it is answered (RFC 8489 §6.2.1).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiofrp.aio import Scope
from aiofrp.errors import ConnectFailed, FrpError, TimedOut, TransportError
from aiofrp.nat.interfaces import local_addresses
from aiofrp.stream.udp.readable import Watch
from aiofrp.transport.net import ListenFailed
from aiofrp.transport.resolve import resolve, split_address
from aiofrp.wire.nathole.endpoint import endpoint_text, parse_endpoint
from aiofrp.wire.nathole.stun import Binding, binding_request, new_transaction, parse_response

STUN_PORT: Final = 3478
#: Seconds that one server address has to answer.
TIMEOUT = 3.0
#: Seconds from a request to its first repetition; each further wait is twice as long (RFC 8489 §6.2.1).
RETRANSMIT_AFTER = 0.5
#: Seconds that a server gets before the next one of the list is asked beside it.
NEXT_SERVER_AFTER = 1.0
#: Seconds for the look-up of a server's name.
LOOKUP_TIMEOUT = 5.0
#: Servers of the list that are asked at most.
MOST_SERVERS: Final = 8
#: Datagrams that are read in one turn of the loop, and bytes of the longest.
_READS, _LONGEST = 32, 2048
#: Outside addresses that are needed to classify a NAT.
_ENOUGH = 2


class TooFewAddresses(TransportError):
    """Fewer than two addresses of STUN servers answered.

    ``mapped``: the outside addresses that are known. ``reasons``: what was missing at each server, where several were
    asked."""

    def __init__(self, mapped: Sequence[str], reasons: Sequence[str] = ()) -> None:
        super().__init__("not enough addresses" + (f" ({'; '.join(reasons)})" if reasons else ""))
        self.mapped = tuple(mapped)
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class Discovered:
    """What is known of a socket; the caller owns the socket."""

    socket: socket.socket  #: bound, not connected, non-blocking, UDP over IPv4
    mapped: tuple[str, ...]  #: two outside addresses, each seen by another server address
    assisted: tuple[str, ...]  #: the host's own addresses with the port, for a peer nearby
    local: str  #: the address that the socket is bound to


def servers_of(text: str) -> tuple[str, ...]:
    """The servers in ``natHoleStunServer``: one, or several separated by commas."""
    return tuple(filter(None, map(str.strip, text.split(","))))


async def discover(servers: Sequence[str], *, listen: str = "", assisted: bool = True) -> Discovered:
    """Ask ``servers``, each ``host:port``, for the outside addresses of a new socket.

    The first is asked, and then the second address that it names. The next one of the list is asked when that gives
    fewer than two addresses, or beside it after a second. ``listen``: where to bind the socket, any port otherwise.
    ``assisted``: whether the host's own addresses are wanted.

    Raises :class:`TooFewAddresses` when there are too few answers, of all servers where several were asked. The error
    of a single server is :class:`~aiofrp.errors.TimedOut`, :class:`~aiofrp.errors.ConnectFailed` for a name that is
    not found or a network that is not reached, and :class:`~aiofrp.errors.RemoteProtocolError` for a bad answer. An
    address that cannot be bound raises :class:`~aiofrp.transport.net.ListenFailed`.
    """
    sock = await _bind(listen)
    try:
        search = _Search(sock, list(dict.fromkeys(servers))[:MOST_SERVERS])
        mapped = await search.run()
        host, port = sock.getsockname()
        own = tuple(endpoint_text(ip, port) for ip in local_addresses()) if assisted else ()
        return Discovered(sock, mapped, own, endpoint_text(host, port))
    except BaseException:
        sock.close()
        raise


class _Search:
    """The questions of one discovery, all from one socket."""

    def __init__(self, sock: socket.socket, servers: Sequence[str]) -> None:
        self._socket = sock
        self._servers = servers
        self._mapped: list[str] = []  # outside addresses; limited by the servers
        self._asked: set[tuple[str, int]] = set()
        # Where a request went → its transaction and where the answer goes.
        self._waiting: dict[tuple[str, int], tuple[bytes, asyncio.Future[Binding | FrpError]]] = {}
        self._missing: dict[str, FrpError] = {}  # server → why it gave too few addresses
        self._running = 0  # servers that are being asked
        self._changed = asyncio.Event()

    async def run(self) -> tuple[str, ...]:
        """The first two outside addresses. Raises what :func:`discover` does."""
        if not self._servers:
            raise ConnectFailed("no STUN server is configured")
        scope = Scope("stun")
        self._watch = Watch(self._socket, self._readable)
        try:
            for count, server in enumerate(self._servers, 1):
                self._running += 1
                scope.spawn(self._ask_server(server), server)
                await self._enough(NEXT_SERVER_AFTER if count < len(self._servers) else None)
            if len(self._mapped) >= _ENOUGH:
                return tuple(self._mapped[:_ENOUGH])
        finally:
            self._watch.end()
            await scope.close()
        errors = [(server, self._missing[server]) for server in self._servers if server in self._missing]
        if len(self._servers) == 1 and errors:
            raise errors[0][1]
        raise TooFewAddresses(self._mapped, [f"{server}: {error}" for server, error in errors])

    async def _enough(self, seconds: float | None) -> None:
        """Wait until two addresses are known or nobody is asked any more, for at most ``seconds``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self._mapped) < _ENOUGH and self._running:
                    self._changed.clear()
                    await self._changed.wait()

    async def _ask_server(self, server: str) -> None:
        alone = len(self._servers) == 1
        try:
            other = await self._ask(await _server_address(server), alone)
            if not other:
                raise TooFewAddresses(self._mapped) if alone else TransportError("it names no second address")
            await self._ask(parse_endpoint(other), alone)
        except FrpError as exc:
            self._missing[server] = exc
        finally:
            self._running -= 1
            self._changed.set()

    async def _ask(self, address: tuple[str, int], again: bool) -> str:
        """Learn the outside address that the server at ``address`` sees; returns the other address that it names.
        ``again``: also where that address was asked before."""
        if address in self._asked and not again:
            raise TransportError(f"{endpoint_text(*address)} is asked already")
        self._asked.add(address)
        transaction = new_transaction()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Binding | FrpError] = loop.create_future()
        self._waiting[address] = transaction, answer
        wait, end = RETRANSMIT_AFTER, loop.time() + TIMEOUT
        try:
            while not answer.done():
                self._send(binding_request(transaction), address)
                left = end - loop.time()
                await asyncio.wait((answer,), timeout=min(wait, left))
                if wait >= left:
                    break
                wait *= 2
        finally:
            del self._waiting[address]
        if not answer.done():
            raise TimedOut("wait response from stun server timeout")
        binding = answer.result()
        if isinstance(binding, FrpError):
            raise binding
        parse_endpoint(binding.mapped)
        self._mapped.append(binding.mapped)
        return binding.other

    def _send(self, request: bytes, address: tuple[str, int]) -> None:
        try:
            self._socket.sendto(request, address)
        except (BlockingIOError, InterruptedError):
            pass  # as good as lost on the way
        except OSError as exc:
            where = endpoint_text(*address)
            raise ConnectFailed(f"write udp {where}: {(exc.strerror or str(exc)).lower()}") from exc

    def _readable(self) -> None:
        try:
            for _ in range(_READS):
                datagram, source = self._socket.recvfrom(_LONGEST)
                if source in self._waiting:
                    self._received(datagram, *self._waiting[source])
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:  # an ICMP error about a request
            self._watch.renew()

    @staticmethod
    def _received(datagram: bytes, transaction: bytes, answer: asyncio.Future[Binding | FrpError]) -> None:
        try:
            binding: Binding | FrpError | None = parse_response(datagram, transaction)
        except FrpError as exc:
            binding = exc
        if binding is not None and not answer.done():
            answer.set_result(binding)


async def _server_address(server: str) -> tuple[str, int]:
    """The IPv4 address and the port of ``host:port``; the port of STUN where none is given."""
    try:
        host, port = split_address(server, STUN_PORT)
    except ValueError:
        raise ConnectFailed(f"address {server}: invalid port") from None
    return await _lookup(host, port)


async def _lookup(host: str, port: int) -> tuple[str, int]:
    try:
        async with asyncio.timeout(LOOKUP_TIMEOUT):
            found = await resolve(host, port, socket.SOCK_DGRAM)
    except TimeoutError:
        raise ConnectFailed(f"lookup {host}: i/o timeout") from None
    for family, *_, address in found:
        if family == socket.AF_INET:
            return str(address[0]), int(address[1])
    raise ConnectFailed(f"lookup {host}: no IPv4 address")


async def _bind(listen: str) -> socket.socket:
    """A new UDP socket over IPv4, bound to ``listen``, ``host:port``, or to any port."""
    host, port = "", 0
    if listen:
        host, colon, digits = listen.rpartition(":")
        if not colon:
            raise TransportError(f"address {listen}: missing port in address")
        number = digits.lstrip("0") or "0"
        if not (digits.isascii() and digits.isdigit()) or len(number) > 5 or int(number) > 65535:
            raise TransportError(f"address {listen}: invalid port")
        port = int(number)
    if host:
        host, port = await _lookup(host, port)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((host or "0.0.0.0", port))
    except OSError as exc:
        sock.close()
        raise ListenFailed("udp4", host or "0.0.0.0", port, exc) from exc
    return sock
