"""Sockets are watched on every loop: by the loop itself, or by a thread where it does not do that."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from aiofrp.stream.udp.readable import Watch
from aiofrp.stream.udp.socket import Piece, UdpSocket


class Proactor(asyncio.SelectorEventLoop):
    """A loop that watches no sockets for others, like asyncio's proactor loop."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        raise NotImplementedError

    def remove_reader(self, fd: Any) -> bool:
        raise NotImplementedError


LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [Proactor, asyncio.SelectorEventLoop]


def pair() -> tuple[socket.socket, socket.socket]:
    ends = []
    for _ in range(2):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        ends.append(sock)
    ends[0].connect(ends[1].getsockname())
    ends[1].connect(ends[0].getsockname())
    return ends[0], ends[1]


@pytest.mark.parametrize("factory", LOOPS)
def test_datagrams_arrive_in_the_loop(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """Many at once and one after another; the function runs in the loop's thread, and none comes after the end."""

    async def main() -> None:
        left, right = pair()
        seen: list[bytes] = []
        threads: set[int] = set()
        arrived = asyncio.Event()

        def received(pieces: list[Piece]) -> None:
            threads.add(threading.get_ident())
            for data, size, _ in pieces:
                seen.extend(data[at : at + size] for at in range(0, len(data), size))
            arrived.set()

        udp = UdpSocket(right, received, lambda exc: None)
        sent = [b"%d" % number for number in range(100)]
        for number, datagram in enumerate(sent):
            left.send(datagram)
            while len(seen) <= number:
                arrived.clear()
                async with asyncio.timeout(10):
                    await arrived.wait()
        assert seen == sent
        assert threads == {threading.get_ident()}
        udp.close()
        left.send(b"after the end")
        await asyncio.sleep(0)
        assert seen == sent
        left.close()

    before = threading.active_count()
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
    assert threading.active_count() == before


def test_one_thread_waits_for_all_and_ends_with_the_last() -> None:
    async def main() -> None:
        pairs = [pair() for _ in range(20)]
        got: asyncio.Queue[int] = asyncio.Queue()

        def read(number: int) -> None:
            pairs[number][1].recv(10)
            got.put_nowait(number)

        watches = [Watch(right, partial(read, number)) for number, (_, right) in enumerate(pairs)]
        assert threading.active_count() == before + 1
        for left, _ in pairs:
            left.send(b"x")
        async with asyncio.timeout(10):
            assert sorted([await got.get() for _ in pairs]) == list(range(20))
        for watch, (left, right) in zip(watches, pairs, strict=True):
            watch.end()
            right.close()
            left.close()
        assert threading.active_count() == before

    before = threading.active_count()
    with asyncio.Runner(loop_factory=Proactor) as runner:
        runner.run(main())


@pytest.mark.both_loops
@pytest.mark.parametrize("noticed_by", ["read", "send"])
async def test_a_socket_is_read_after_errors_of_icmp(noticed_by: str) -> None:
    """The peer of a connected socket is away, and then it is there: with uvloop the first error ended the reading."""
    left, right = pair()
    name = right.getsockname()
    right.close()
    got: asyncio.Queue[list[Piece]] = asyncio.Queue()
    refused = asyncio.Event()
    udp = UdpSocket(left, got.put_nowait, lambda exc: refused.set())
    for _ in range(3):
        refused.clear()
        udp.send([b"into the void"])
        if noticed_by == "send":  # the error of the first one waits already
            udp.send([b"into the void"])
        async with asyncio.timeout(10):
            await refused.wait()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as back:
        back.bind(name)
        back.connect(left.getsockname())
        for number in (b"1", b"2"):
            back.send(number)
            async with asyncio.timeout(10):
                assert b"".join(piece[0] for piece in await got.get()) == number
    udp.close()


@pytest.mark.both_loops
async def test_an_end_before_the_renewal_counts() -> None:
    left, right = pair()
    seen: list[bytes] = []
    watch = Watch(left, lambda: seen.append(left.recv(10)))
    watch.renew()
    watch.end()
    right.send(b"x")
    await asyncio.sleep(0.01)
    assert not seen
    left.close()
    right.close()
