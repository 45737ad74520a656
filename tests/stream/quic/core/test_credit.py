"""One user who does not read holds up his own QUIC stream and no other; nothing of it gets lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from qh3 import tls
from qh3.quic.configuration import QuicConfiguration
from qh3.quic.crypto import CIPHER_SUITES

from aiofrp.stream.quic import dial as quicdial
from aiofrp.stream.quic import withhold
from aiofrp.stream.quic.core.credit import Credit
from aiofrp.stream.quic.core.library import Run, client_configuration
from aiofrp.stream.quic.core.limits import PLAIN_WINDOW, QuicLimits
from aiofrp.stream.quic.session import QuicSession
from aiofrp.stream.stall import StallLimits
from aiofrp.stream.udp.socket import Address
from aiofrp.wire.quic.packet import Protection
from tests.stream.quicrig import LIMITS, Rig
from tests.support.ends import End, until

KIB = 1024
#: A window so small that a test fills it at once.
WINDOW, WITHHOLD, RELEASE = 64 * KIB, 32 * KIB, 16 * KIB
#: Bytes that may be held of a stream: what was held already, a window more, and what one read of the socket brings.
MOST = WITHHOLD + WINDOW + 64 * KIB
LIMIT = replace(LIMITS, stream_window=WINDOW, connection_window=256 * KIB)
VOLUME = 1024 * KIB


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(withhold, "WITHHOLD_AT", WITHHOLD)
    monkeypatch.setattr(withhold, "RELEASE_AT", RELEASE)
    monkeypatch.setattr(withhold, "RESEND_AFTER", 0.01)
    made = Rig(connection=LIMIT)
    yield made
    made.dispose()
    await until(lambda: all(end.lost for end in made.ends))
    for end in made.ends:
        end.check()


async def stream(rig: Rig, session: QuicSession, word: bytes = b"word") -> tuple[End, End]:
    """Both ends of a new stream."""
    count = len(rig.streams)
    near = rig.open(session, word)
    await until(lambda: len(rig.streams) > count)
    return near, rig.ends[-1]


async def pour(near: End, far: End, volume: int = VOLUME) -> int:
    """Write until the writer is stopped and nothing arrives any more; returns how much was written."""
    block, sent = bytes(16 * KIB), 0
    before, still = -1, 0
    while still < 20:
        while not near.writing_paused and sent < volume:
            near.write(block)
            sent += len(block)
        await asyncio.sleep(0.001)
        still = still + 1 if held(far) == before else 0
        before = held(far)
    return sent


def held(end: End) -> int:
    size: int = end.stream.held  # type: ignore[attr-defined]
    return size


async def test_others_go_on_and_all_arrives_in_the_end(rig: Rig) -> None:
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    slow_far.pause()
    sent = await pour(slow, slow_far)
    assert slow.writing_paused
    assert WITHHOLD <= held(slow_far) <= MOST
    quick, quick_far = await stream(rig, session)
    quick.write(bytes(VOLUME))
    await until(lambda: len(quick_far.data) == VOLUME + 4)
    assert held(slow_far) <= MOST
    slow_far.resume()
    await until(lambda: len(slow_far.data) == sent + 4)
    await until(lambda: not rig.server.core.credit.active)


async def test_a_reader_who_stops_again_and_again(rig: Rig) -> None:
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    total = 0
    for _ in range(5):
        slow_far.pause()
        total += await pour(slow, slow_far)
        assert held(slow_far) <= MOST
        slow_far.resume()
        await until(lambda: len(slow_far.data) == total + 4)  # noqa: B023


async def test_the_side_that_dialled_reads_slowly(rig: Rig) -> None:
    session = await rig.dial(limits=LIMIT)
    near, far = await stream(rig, session)
    near.pause()
    sent = await pour(far, near)
    assert WITHHOLD <= held(near) <= MOST
    near.resume()
    await until(lambda: len(near.data) == sent)


async def test_many_slow_ones(rig: Rig) -> None:
    session = await rig.dial(limits=LIMIT)
    pairs = [await stream(rig, session) for _ in range(8)]
    for _, far in pairs:
        far.pause()
    sent = [await pour(near, far) for near, far in pairs]
    assert all(held(far) <= MOST for _, far in pairs)
    for _, far in pairs:
        far.resume()
    for (_, far), volume in zip(pairs, sent, strict=True):
        await until(lambda: len(far.data) == volume + 4)  # noqa: B023


@pytest.mark.parametrize("end", ["peer", "abort", "close"])
async def test_a_stream_that_ends_meanwhile_is_forgotten(rig: Rig, end: str) -> None:
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    slow_far.pause()
    await pour(slow, slow_far)
    assert rig.server.core.credit.active
    if end == "peer":
        slow.stream.abort()
    else:
        getattr(slow_far.stream, end)()
    await until(lambda: slow_far.lost)
    assert not rig.server.core.credit.active
    quick, quick_far = await stream(rig, session)
    quick.write(bytes(VOLUME))
    await until(lambda: len(quick_far.data) == VOLUME + 4)


async def test_room_that_is_told_in_vain_is_told_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    slow_far.pause()
    sent = await pour(slow, slow_far)
    send, lost = rig.listener.send, 0

    def lossy(datagrams: list[bytes], address: Address, /) -> None:
        nonlocal lost
        if lost < 3:
            lost += len(datagrams)
        else:
            send(datagrams, address)

    monkeypatch.setattr(rig.listener, "send", lossy)
    slow_far.resume()
    await until(lambda: len(slow_far.data) == sent + 4)
    assert lost >= 3


async def test_who_has_nothing_more_to_say_is_told_so_often_and_no_more(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withhold, "RESENDS", 3)
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    slow_far.pause()
    slow.write(bytes(WITHHOLD + 8 * KIB))
    await until(lambda: held(slow_far) > WITHHOLD)
    slow_far.resume()
    await until(lambda: held(slow_far) == 0)
    credit = rig.server.core.credit
    await until(lambda: not credit._grants)
    assert not credit.active
    slow.write(bytes(VOLUME))
    await until(lambda: len(slow_far.data) == 4 + WITHHOLD + 8 * KIB + VOLUME)


async def test_room_is_told_in_packets_that_are_full(rig: Rig) -> None:
    """Of a side that sends much all the while."""
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    other, other_far = await stream(rig, session)
    slow_far.pause()
    sent = await pour(slow, slow_far)
    other_far.write(bytes(4 * VOLUME))
    slow_far.resume()
    await until(lambda: len(slow_far.data) == sent + 4)
    await until(lambda: len(other.data) == 4 * VOLUME)


@pytest.mark.parametrize("suite", list(CIPHER_SUITES))
async def test_over_every_cipher(rig: Rig, suite: tls.CipherSuite, monkeypatch: pytest.MonkeyPatch) -> None:
    make = client_configuration

    def one_cipher(*args: object) -> QuicConfiguration:
        configuration = make(*args)  # type: ignore[arg-type]
        configuration.cipher_suites = [suite]
        return configuration

    monkeypatch.setattr(quicdial, "client_configuration", one_cipher)
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    slow_far.pause()
    sent = await pour(slow, slow_far)
    assert held(slow_far) <= MOST
    assert rig.server.core.credit._protection._cipher.__name__ == (
        "ChaCha20Poly1305" if suite == tls.CipherSuite.CHACHA20_POLY1305_SHA256 else "AESGCM"
    )
    slow_far.resume()
    await until(lambda: len(slow_far.data) == sent + 4)


async def test_while_keys_are_updated(rig: Rig) -> None:
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    others = await stream(rig, session)
    total = 0
    for turn in range(3):
        slow_far.pause()
        total += await pour(slow, slow_far)
        assert held(slow_far) <= MOST
        (session if turn & 1 else rig.server).core.request_key_update()
        for other in others:
            other.write(b".")  # the peer hears of new keys by what comes under them
        slow_far.resume()
        await until(lambda: len(slow_far.data) == total + 4)  # noqa: B023


async def test_packets_that_cannot_be_opened_leave_as_they_are(rig: Rig) -> None:
    """The limit of the connection is left then."""
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    rig.server.core.credit._protection = Protection(0x1301, bytes(32))
    slow_far.pause()
    slow.write(bytes(VOLUME))
    await until(lambda: held(slow_far) == VOLUME)
    assert not rig.server.core.credit.active
    slow_far.resume()
    await until(lambda: len(slow_far.data) == VOLUME + 4)


def test_nothing_is_done_where_no_room_is_kept() -> None:
    credit = Credit(0x1301, bytes(32), 8, 1200)
    credit.withhold(4)
    credit.release(4)
    assert not credit.active
    credit.withhold(4)
    assert credit.rewrite(b"\x40" + bytes(50), lambda: None) == b"\x40" + bytes(50)
    credit.forget(4)
    assert not credit.active
    assert not credit.announce()


# What leaves of our own packets


class Wire:
    """What one connection's library made, and what left: both by the packets' numbers."""

    def __init__(self, session: QuicSession, monkeypatch: pytest.MonkeyPatch) -> None:
        core = session.core
        suite, secret, self._cid_size = core.send_secret
        self._protection = Protection(suite, secret)
        self._near = core.last_number() or 0
        self.made: dict[int, bytes] = {}
        self.left: list[tuple[int, bytes]] = []
        poll, send = core.poll, session._endpoint.send

        def polled(now: float) -> list[Run]:
            found = poll(now)
            for packet in (packet for _, packets in found for packet in packets):
                self.made[self._number(packet)] = packet
            return found

        def sent(datagrams: list[bytes], address: Address, /) -> None:
            self.left += [(self._number(packet), packet) for packet in datagrams]
            send(datagrams, address)

        monkeypatch.setattr(core, "poll", polled)
        monkeypatch.setattr(session._endpoint, "send", sent)

    def _number(self, packet: bytes) -> int:
        opened = self._protection.open(packet, self._cid_size, self._near)
        assert opened is not None
        self._near = opened.number
        return opened.number


async def test_of_a_packet_and_its_replacement_one_leaves(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both would be sealed with one nonce. While a reader stops and goes on, with other streams in both directions."""
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    other, other_far = await stream(rig, session)
    wire = Wire(rig.server, monkeypatch)
    total = 0
    for _ in range(3):
        slow_far.pause()
        other_far.write(bytes(VOLUME))
        total += await pour(slow, slow_far)
        slow_far.resume()
        await until(lambda: len(slow_far.data) == total + 4)  # noqa: B023
    await until(lambda: len(other.data) == 3 * VOLUME)
    numbers = [number for number, _ in wire.left]
    assert len(numbers) == len(set(numbers))
    assert set(numbers) == set(wire.made)
    assert any(packet != wire.made[number] for number, packet in wire.left)
    assert len(wire.left) > 100


async def test_a_copy_that_leaves_as_well_is_noticed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above, on a connection that sends both."""
    session = await rig.dial(limits=LIMIT)
    slow, slow_far = await stream(rig, session)
    wire = Wire(rig.server, monkeypatch)
    rewrite = rig.server.core.to_send

    def both(now: float) -> list[Run]:
        found = rewrite(now)
        copies = [(address, [wire.made[wire._number(one)] for one in packets]) for address, packets in found]
        return [*found, *copies]

    monkeypatch.setattr(rig.server.core, "to_send", both)
    slow_far.pause()
    await pour(slow, slow_far)
    numbers = [number for number, _ in wire.left]
    assert len(numbers) > len(set(numbers))


async def test_without_resealing_windows_are_plain(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packets leave as the library made them; who takes nothing is ended when the session holds too much."""
    limits = QuicLimits(reseal=False, receivers=StallLimits(mark=VOLUME, most=4 * VOLUME, stall=0.2))
    assert limits.windows == (PLAIN_WINDOW, 4 * PLAIN_WINDOW)
    plain = Rig(connection=limits)
    try:
        session = await plain.dial(limits=limits)
        slow, slow_far = await stream(plain, session)
        quick, quick_far = await stream(plain, session)
        wire = Wire(plain.server, monkeypatch)
        slow_far.pause()
        slow.write(bytes(2 * VOLUME))
        await until(lambda: held(slow_far) == 2 * VOLUME)
        quick.write(bytes(VOLUME))
        await until(lambda: len(quick_far.data) == VOLUME + 4)
        await until(lambda: slow_far.stream.dead)  # type: ignore[attr-defined]
        assert plain.server.receivers.held <= VOLUME
        assert not plain.server.core.credit.active
        assert all(packet == wire.made[number] for number, packet in wire.left)
    finally:
        plain.dispose()
        await until(lambda: all(end.lost for end in plain.ends))
