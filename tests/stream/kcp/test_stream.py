"""KCP streams beyond the contract: peers that vanish, know no ends, or come back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from aiofrp.errors import Closed, TimedOut
from aiofrp.stream.kcp import stream as kcp
from aiofrp.stream.kcp.listener import KcpListener
from aiofrp.stream.kcp.stream import KcpStream
from aiofrp.stream.stall import StallLimits
from aiofrp.wire.kcp.segment import FIN, PUSH, RST
from tests.stream.kcprig import Rig, udp
from tests.support.ends import End, until
from tests.support.ports import free_port

pytestmark = pytest.mark.both_loops


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    made.dispose()
    for end in made.ends:
        await until(lambda end=end: end.lost)  # type: ignore[misc]
        end.check()


async def session(rig: Rig) -> tuple[End, End]:
    """A session that is under way: the dialling and the accepting user."""
    a = rig.dial()
    a.write(b"word")
    await until(lambda: rig.ends and rig.ends[-1].data == b"word")
    b = rig.ends[-1]
    b.write(b"answer")
    await until(lambda: a.data == b"answer")
    return a, b


async def test_a_peer_that_is_not_there(rig: Rig) -> None:
    a = rig.dial(to=("127.0.0.1", free_port()))
    a.write(b"anybody?")
    await until(lambda: a.lost)
    assert isinstance(a.error, Closed)
    assert "refused" in str(a.error)


async def test_nothing_is_sent_before_something_is_written(rig: Rig) -> None:
    a = rig.dial(to=("127.0.0.1", free_port()))
    await asyncio.sleep(0.01)
    assert not a.lost
    a.close()
    await until(lambda: a.lost)


async def test_a_listener_that_began_anew_says_that_it_knows_nothing(rig: Rig) -> None:
    a, b = await session(rig)
    port = rig.listener.address[1]
    b.stream._stop()  # type: ignore[attr-defined]  # as if its process had died
    rig.ends.remove(b)
    rig.accepted.clear()
    rig.listener.close()
    again: list[KcpStream] = []
    listener = KcpListener(udp(port), again.append)
    a.write(b"still there?")
    await until(lambda: a.lost)
    assert isinstance(a.error, Closed)
    assert not again
    listener.close()


async def test_a_session_whose_peer_dies_while_it_sends(rig: Rig) -> None:
    a, b = await session(rig)
    core = b.stream._core  # type: ignore[attr-defined]
    await until(lambda: core.delivered)
    a.stream._endpoint._udp.close()  # type: ignore[attr-defined]
    b.write(bytes(100))
    await until(lambda: core._flight.segments)
    core._flight.progress_at -= 20_000
    b.stream._timed_out()  # type: ignore[attr-defined]
    assert isinstance(b.error, TimedOut)


async def test_closing_towards_a_peer_without_ends(rig: Rig) -> None:
    """All data arrives; the end is told a few times, then the session is over here."""
    peer = rig.peer()
    peer.send(b"word")
    await until(lambda: rig.ends)
    b = rig.ends[0]
    b.write(b"last words")
    b.close()
    await until(lambda: b.lost)
    assert b.error is None
    await until(lambda: not len(rig.listener))
    assert peer.received == b"last words"
    assert peer.commands.count(FIN) >= 2


async def test_half_closing_towards_a_peer_without_ends_leaves_the_session(rig: Rig) -> None:
    peer = rig.peer()
    peer.send(b"word")
    await until(lambda: rig.ends)
    b = rig.ends[0]
    b.write(b"last words")
    b.write_eof()
    core = b.stream._core  # type: ignore[attr-defined]
    await until(lambda: core.deaf)
    peer.send(b"more")
    await until(lambda: b.data == b"wordmore")
    assert not b.lost
    b.close()
    await until(lambda: not len(rig.listener))


async def test_data_after_a_close_is_refused(rig: Rig) -> None:
    peer = rig.peer()
    peer.send(b"word")
    await until(lambda: rig.ends and rig.ends[0].data)
    rig.ends[0].close()
    peer.send(b"more")
    await until(lambda: RST in peer.commands)
    await until(lambda: not len(rig.listener))


async def test_a_peer_that_closed_and_takes_no_more_loses_nobody_what_it_said(rig: Rig) -> None:
    a, b = await session(rig)
    b.pause()
    a.write(b", and all")
    a.stream.close()
    await until(lambda: b.stream._core.eof)  # type: ignore[attr-defined]
    b.write(b"late")
    await until(lambda: b.stream._core.reset)  # type: ignore[attr-defined]
    assert not b.lost
    b.resume()
    await until(lambda: b.lost)
    assert b.data == b"word, and all"
    assert b.eofs == 1
    assert b.error is None


async def test_last_words_before_a_reset_are_heard(rig: Rig) -> None:
    """Such as the alert of a server that refuses a certificate: both come at once."""
    a, b = await session(rig)
    a.write(b" and why")
    a.stream.abort()
    await until(lambda: b.lost)
    assert b.data == b"word and why"
    assert isinstance(b.error, Closed)


async def test_a_closed_stream_waits_for_its_peer_only_so_long(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kcp, "LINGER", 0.1)
    a, b = await session(rig)
    b.close()
    await until(lambda: a.eofs)
    await until(lambda: not len(rig.listener))
    assert not a.lost


async def test_a_forged_reset_of_another_conversation_is_ignored(rig: Rig) -> None:
    a, b = await session(rig)
    conv = b.stream.conv  # type: ignore[attr-defined]
    reset = bytes.fromhex("5600000000000000000000000000000000000000")
    sock = a.stream._endpoint._udp._socket  # type: ignore[attr-defined]
    sock.send(((conv + 1) & 0xFFFFFFFF).to_bytes(4, "little") + reset)
    sock.send(b"\x00" * 5)
    sock.send(bytes(1501))
    a.write(b"more")
    await until(lambda: b.data == b"wordmore")
    assert not b.lost


async def test_who_takes_nothing_is_ended_when_sessions_hold_too_much() -> None:
    """The one that held longest, and no other."""
    rig = Rig(receivers=StallLimits(mark=50_000, most=250_000, stall=3600))
    first, first_far = await session(rig)
    second = rig.dial()
    second.write(b"word")
    await until(lambda: len(rig.ends) == 2)
    second_far = rig.ends[1]
    first_far.pause()
    second_far.pause()
    first.write(bytes(150_000))
    await until(lambda: rig.listener.held >= 150_000)
    second.write(bytes(150_000))
    await until(lambda: first_far.lost)
    assert "nothing was taken" in str(first_far.error)
    await until(lambda: first.lost)
    await until(lambda: rig.listener.held >= 150_000)
    second_far.resume()
    await until(lambda: len(second_far.data) >= 150_000)
    assert not second.lost
    assert rig.listener.held == 0
    rig.dispose()
    await until(lambda: all(end.lost for end in (second, second_far)))


async def test_facts(rig: Rig) -> None:
    a, b = await session(rig)
    assert b.stream.info("sockname") == a.stream.info("peername") == rig.listener.address
    assert a.stream.info("sockname") == b.stream.info("peername")
    assert "KcpStream" in repr(a.stream)
    assert "sessions=1" in repr(rig.listener)


class Lossy:
    """A relay on 127.0.0.1 that drops, doubles and holds back datagrams."""

    def __init__(self, to: tuple[str, int], seed: int, loss: float) -> None:
        self._dice = random.Random(seed)
        self._loss = loss
        self._loop = asyncio.get_running_loop()
        self._near, self._far = udp(), udp()
        self._far.connect(to)
        self._client: tuple[str, int] | None = None
        self.only_resets = False  # of the client's datagrams
        self.address = self._near.getsockname()
        self._loop.add_reader(self._near.fileno(), self._from_client)
        self._loop.add_reader(self._far.fileno(), self._from_server)

    def _from_client(self) -> None:
        data, self._client = self._near.recvfrom(2048)
        if not self.only_resets or data[4] == RST:
            self._pass(lambda: self._far.send(data))

    def _from_server(self) -> None:
        data = self._far.recv(2048)
        self._pass(lambda: self._near.sendto(data, self._client))  # type: ignore[arg-type]

    def _pass(self, send: object) -> None:
        for _ in range(2 if self._dice.random() < 0.05 else 1):
            if self._dice.random() >= self._loss:
                self._loop.call_later(self._dice.choice((0.001, 0.001, 0.004)), self._send, send)

    def _send(self, send: object) -> None:
        if self._near.fileno() >= 0:
            send()  # type: ignore[operator]

    def abort(self) -> None:
        for sock in (self._near, self._far):
            if sock.fileno() >= 0:
                self._loop.remove_reader(sock.fileno())
                sock.close()


@pytest.mark.parametrize("loss", [0.05, 0.2])
async def test_over_a_path_that_loses_and_swaps(rig: Rig, loss: float) -> None:
    relay = Lossy(rig.listener.address, seed=3, loss=loss)
    rig.others.append(relay)
    a = rig.dial(to=relay.address)
    to_b, to_a = random.Random(1).randbytes(300_000), random.Random(2).randbytes(100_000)
    a.write(to_b)
    a.write_eof()
    await until(lambda: rig.ends)
    b = rig.ends[0]
    b.write(to_a)
    b.write_eof()
    async with asyncio.timeout(60):
        while not (a.lost and b.lost):
            await asyncio.sleep(0.01)
    assert (a.error, b.error) == (None, None)
    assert bytes(b.data) == to_b
    assert bytes(a.data) == to_a


async def test_who_misses_the_last_acknowledgement_is_told_that_the_peer_is_gone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It knows that everything of the peer has come, so it is no error."""
    monkeypatch.setattr(kcp, "LINGER", 0.5)
    relay = Lossy(rig.listener.address, seed=1, loss=0)
    rig.others.append(relay)
    a = rig.dial(to=relay.address)
    a.write(b"all")
    a.write_eof()
    await until(lambda: rig.ends and rig.ends[0].eofs)
    b = rig.ends[0]
    await until(lambda: a.stream._core.finished)  # type: ignore[attr-defined]
    relay.only_resets = True
    b.write(b"answer")
    b.write_eof()
    await until(lambda: a.lost and b.lost)
    assert (a.error, b.error) == (None, None)
    assert a.data == b"answer"


async def test_the_first_datagram_is_data(rig: Rig) -> None:
    """A server cannot tell a conversation by anything else."""
    with udp() as sock:
        a = rig.dial(to=sock.getsockname())
        a.write(b"word")
        datagram = await asyncio.get_running_loop().sock_recv(sock, 2048)
    assert datagram[:4] == bytes(4)
    assert datagram[4:6] == b"\xf1\x00"
    assert datagram[12] == PUSH
