"""What one side of a hole sends, decided from the server's answer alone (docs/protocol/nat.md §5).

The server's answer repeats what the peer announced, and a peer may announce anything. So everything is bounded to what
the tables of the reference allow: a plan sends at most :data:`MOST_DATAGRAMS` datagrams of about 100 bytes, to at most
two outside addresses and the ten inside addresses of the peer, within a minute. Sockets and clocks are not used here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.frp.messages import CandidatePortsRange, NatHoleDetectBehavior, NatHoleResp
from aiofrp.wire.nathole.endpoint import parse_endpoint

SENDER: Final = "sender"
"""The role of the side that sends first and waits for the answer; the other side is the receiver."""

MOST_CANDIDATES, MOST_ASSISTED = 2, 10
"""Outside and inside addresses of a peer: the two that STUN gives, and those of its interfaces."""

MOST_PORTS, MOST_PORTS_EACH = 21, 5
"""Ports around those of the peer that are tried from one socket (modes 1 and 3), and from each of several (mode 4)."""

MOST_SOCKETS, MOST_RANDOM = 256, 1000
"""Additional sockets of a receiver, and random ports that a sender tries (modes 2 and 4)."""

LONGEST_DELAY_MS, LONGEST_WAIT_MS = 10_000, 38_000
"""Milliseconds before a sender's first datagram (mode 0), and of waiting for the peer (mode 2)."""

MOST_DATAGRAMS: Final = (1 + MOST_SOCKETS) * MOST_CANDIDATES * MOST_PORTS_EACH
"""Datagrams of the longest plan: 2570, one of mode 4."""

WINDOW_PAUSE, RANDOM_PAUSE = 0.002, 0.015
"""Seconds after each datagram to a port of a window, and to a random port."""

DEFAULT_WAIT_MS: Final = 5_000
_LOWEST_RANDOM, _HIGHEST_PORT = 1024, 65_535

Endpoint: TypeAlias = tuple[str, int]
"""An IPv4 address and a port."""


@dataclass(frozen=True, slots=True)
class Send:
    """One datagram: from which socket, to which address, and the seconds to wait after it."""

    socket: int  #: its number; 0 is the one whose outside addresses are known
    address: Endpoint
    pause: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What one side does. Times are in seconds."""

    sid: str  #: names the hole on both sides
    mode: int  #: number of the table's mode, for people
    sender: bool
    delay: float  #: before the first datagram
    ttl: int  #: of the datagrams, 0 for the system's own; the reply has always the system's own
    sockets: int  #: in all
    targets: tuple[Endpoint, ...]  #: addresses to which each socket sends first
    window: tuple[Endpoint, ...]  #: addresses with guessed ports, to which each socket sends then
    random_hosts: tuple[str, ...]  #: where a sender tries random ports
    random_ports: int  #: how many
    wait: float  #: for the peer's datagram, from the last one to :attr:`window`
    peers: frozenset[str]  #: hosts that the peer announced

    def first(self, sockets: int) -> Iterator[Send]:
        """The datagrams to known addresses and to those with guessed ports, of the ``sockets`` that could be opened."""
        for address in self.targets:
            for number in range(sockets):
                yield Send(number, address, 0.0)
        for number in range(sockets):
            for address in self.window:
                yield Send(number, address, WINDOW_PAUSE)

    def guesses(self, number: Callable[[int, int], int]) -> Iterator[Send]:
        """The datagrams to random ports, which may leave while answers are awaited. ``number(a, b)`` gives a random
        number from ``a`` to ``b``."""
        used: set[int] = set()
        while len(used) < self.random_ports:
            port = number(_LOWEST_RANDOM, _HIGHEST_PORT - 1)
            if port not in used:
                used.add(port)
                for host in self.random_hosts:
                    yield Send(0, (host, port), RANDOM_PAUSE)


def plan(answer: NatHoleResp) -> Plan:
    """The plan of the side that got ``answer``. Raises :class:`~aiofrp.errors.RemoteProtocolError` for an answer
    without a usable address of the peer, and for one that asks for more than the tables of the reference do."""
    behavior = answer.detect_behavior
    sender = behavior.role == SENDER
    _check_numbers(behavior)
    candidates = _endpoints(answer.candidate_addrs, MOST_CANDIDATES, "outside")
    if not candidates:
        shown = f": {answer.candidate_addrs[0][:64]!r} is not one" if answer.candidate_addrs else ""
        raise RemoteProtocolError(f"natHoleRespMsg get empty candidate addresses{shown}")
    assisted = _endpoints(answer.assisted_addrs, MOST_ASSISTED, "inside")
    hosts = tuple(dict.fromkeys(host for host, _ in candidates))
    sockets = 1 if sender else 1 + max(0, behavior.listen_random_ports)
    ports = _ports(behavior.candidate_ports, MOST_PORTS if sockets == 1 else MOST_PORTS_EACH)
    targets = [*assisted, *candidates] if sender else [] if ports else candidates
    return Plan(
        sid=answer.sid,
        mode=behavior.mode,
        sender=sender,
        delay=max(0, behavior.send_delay_ms) / 1000 if sender else 0.0,
        ttl=max(0, behavior.ttl),
        sockets=sockets,
        targets=tuple(dict.fromkeys(targets)),
        window=tuple((host, port) for host in hosts for port in ports),
        random_hosts=hosts,
        random_ports=max(0, behavior.send_random_ports),
        wait=(behavior.read_timeout_ms if behavior.read_timeout_ms > 0 else DEFAULT_WAIT_MS) / 1000,
        peers=frozenset(host for host, _ in (*candidates, *assisted)),
    )


def _check_numbers(behavior: NatHoleDetectBehavior) -> None:
    for what, value, most in (
        ("a delay of {} ms before the first datagram", behavior.send_delay_ms, LONGEST_DELAY_MS),
        ("waiting {} ms for the peer", behavior.read_timeout_ms, LONGEST_WAIT_MS),
        ("{} random ports", behavior.send_random_ports, MOST_RANDOM),
        ("{} additional sockets", behavior.listen_random_ports, MOST_SOCKETS),
        ("a TTL of {}", behavior.ttl, 255),
    ):
        if value > most:
            raise _too_much(what.format(value), most)
    if behavior.send_random_ports > 0 and behavior.listen_random_ports > 0:
        raise RemoteProtocolError("the server asks one side to try random ports from additional sockets")


def _ports(windows: Sequence[CandidatePortsRange], most: int) -> list[int]:
    """The ports of all windows, in order, without repetitions."""
    count = sum(max(0, window.end - window.start + 1) for window in windows[:most])
    if len(windows) > most or count > most:
        raise _too_much(f"{max(count, len(windows))} candidate ports", most)
    ports = dict.fromkeys(port for window in windows for port in range(window.start, window.end + 1))
    if not all(1 <= port <= _HIGHEST_PORT for port in ports):
        raise RemoteProtocolError("the server's answer has a candidate port that is not in 1..65535")
    return list(ports)


def _endpoints(texts: Sequence[str], most: int, what: str) -> list[Endpoint]:
    """The usable ones of the peer's addresses; others are left out, as the reference does."""
    if len(texts) > most:
        raise _too_much(f"{len(texts)} {what} addresses of the peer", most)
    found: list[Endpoint] = []
    for text in texts:
        with contextlib.suppress(RemoteProtocolError):
            found.append(parse_endpoint(text))
    return found


def _too_much(what: str, most: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        f"the server's answer has {what}, and {most} is the most that frp has a use for"
    )
