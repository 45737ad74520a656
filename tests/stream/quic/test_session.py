"""QUIC connections beyond the contract of their streams: limits, slow readers, handshakes, ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from qh3.quic.configuration import QuicConfiguration

from aiofrp.errors import Closed, FrpError, TimedOut
from aiofrp.stream.quic import waiters, withhold
from aiofrp.stream.quic.connected import ConnectedSocket
from aiofrp.stream.quic.core import library as quiccore
from aiofrp.stream.quic.core.errors import NoMoreStreams, QuicFailed
from aiofrp.stream.quic.core.library import PACKET_SIZE, Run
from aiofrp.stream.quic.core.limits import Judge, QuicIdentity
from aiofrp.stream.quic.dial import dial
from aiofrp.stream.quic.session import QuicSession
from aiofrp.stream.quic.state import QuicState
from aiofrp.stream.quic.stream import QuicStream
from aiofrp.stream.quic.timer import ConnectionTimer
from aiofrp.stream.stall import StallLimits
from aiofrp.stream.tls.verified import VerifyingContext
from tests.stream.quicrig import LIMITS, Rig, connected, identity, udp
from tests.support.certs import NAME, authority
from tests.support.ends import End, until
from tests.support.ports import free_port

Make = Callable[..., Rig]
KIB = 1024
SMALL = replace(LIMITS, stream_window=64 * KIB, connection_window=128 * KIB)


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Makes listeners with some limits."""
    rigs: list[Rig] = []

    def made(*args: object, **limits: object) -> Rig:
        rigs.append(Rig(*args, **limits))  # type: ignore[arg-type]
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.dispose()
    await until(lambda: all(end.lost for rig in rigs for end in rig.ends))
    for rig in rigs:
        for end in rig.ends:
            end.check()


# Streams of a connection


async def test_streams_are_many_and_apart(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    near = [rig.open(session, b"%d" % number) for number in range(50)]
    await until(lambda: len(rig.streams) == 50)
    far = {bytes(end.data): end for end in rig.ends if end.stream in rig.streams}
    for number, end in enumerate(near):
        far[b"%d" % number].write(b"answer %d" % number)
        await until(lambda end=end, number=number: end.data == b"answer %d" % number)  # type: ignore[misc]
    assert session.stream_count == 50


async def test_a_stream_is_heard_of_by_its_first_bytes(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    silent = rig.open(session)
    await until(lambda: True)
    rig.open(session, b"word")
    await until(lambda: rig.streams)
    assert len(rig.streams) == 1
    silent.write(b"late")
    await until(lambda: len(rig.streams) == 2)


async def in_use(rig: Rig, count: int) -> tuple[QuicSession, list[End]]:
    """A connection with ``count`` streams, on each of which the peer has received a word."""
    session = await rig.dial()
    ends = [rig.open(session, b"word") for _ in range(count)]
    await until(lambda: len(rig.streams) == count)
    return session, ends


def asked_for_packets(session: QuicSession, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """From now on, each time the connection asks its core for packets: the size of the largest, 0 for none. Probes of
    the path do not count."""
    to_send, asked = session.core.to_send, list[int]()

    def measured(now: float) -> list[Run]:
        runs = to_send(now)
        sizes = [len(datagram) for _, datagrams in runs for datagram in datagrams]
        asked.append(max((size for size in sizes if size < PACKET_SIZE), default=0))
        return runs

    monkeypatch.setattr(session.core, "to_send", measured)
    return asked


async def any_leaves_at_once(rig: Rig, end: End, asked: list[int]) -> bool:
    """Whether one of twenty small writes, each alone in its turn, is sent within the call. Those in a turn that has
    received an acknowledgement are not."""
    for number in range(20):
        before = len(asked)
        end.write(b"alone%02d" % number)
        if len(asked) > before:
            return True
        await until(lambda number=number: any(b"alone%02d" % number in end.data for end in rig.ends))  # type: ignore[misc]
    return False


async def test_what_a_turn_writes_leaves_in_one_packet(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where turns have one write each, it leaves at once."""
    rig = make()
    session, ends = await in_use(rig, 10)
    asked = asked_for_packets(session, monkeypatch)
    for end in ends:
        end.write(b"more")
    assert not asked
    await until(lambda: sum(len(end.data) for end in rig.ends) == len(ends) * len(b"wordmore"))
    assert max(asked) > 30 + len(ends) * len(b"more")  # a packet has 27 bytes without frames
    assert await any_leaves_at_once(rig, ends[0], asked)


async def test_what_busy_turns_write_leaves_with_that_of_the_next(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig = make()
    session, ends = await in_use(rig, 3)
    asked = asked_for_packets(session, monkeypatch)
    for end in ends:
        end.write(b"busy")
    await until(lambda: sum(len(end.data) for end in rig.ends) == len(ends) * len(b"wordbusy"))
    before, loop = len(asked), asyncio.get_running_loop()
    loop.call_soon(ends[1].write, b"next")  # runs before what the write below causes
    loop.call_soon(loop.call_soon, lambda: ends[2].write(b"last"))
    ends[0].write(b"this")
    assert len(asked) == before
    await until(lambda: sum(len(end.data) for end in rig.ends) == len(ends) * len(b"wordbusymore"))
    assert max(asked[before:]) > 30 + len(b"thisnextlast")


async def test_after_a_fault_packets_leave_as_before(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake while datagrams are processed costs these datagrams."""
    rig = make()
    session = await rig.dial()
    end = rig.open(session, b"word")
    await until(lambda: rig.streams)
    answer = next(other for other in rig.ends if other is not end)
    faults: list[int] = []

    def failing(_: QuicSession, stream_id: int, /) -> None:
        faults.append(stream_id)
        raise RuntimeError("a mistake of ours")

    with monkeypatch.context() as patched:
        patched.setattr(QuicSession, "stream_reset", failing)
        answer.stream.abort()
        await until(lambda: faults)
    asked = asked_for_packets(session, monkeypatch)
    rig.open(session, b"other")
    assert asked


async def test_the_peer_may_have_only_so_many_streams(make: Make) -> None:
    limits = replace(LIMITS, max_streams=3)
    rig = make(connection=limits)
    session = await rig.dial()
    ends = [rig.open(session, b"word") for _ in range(3)]
    await until(lambda: len(rig.streams) == 3)
    with pytest.raises(Closed, match="maxIncomingStreams"):
        session.open()
    rig.streams[0].close()
    ends[0].close()
    core = session.core
    await until(lambda: core.max_concurrent_bidi_streams > 3)
    rig.open(session, b"word")
    await until(lambda: len(rig.streams) == 4)


async def test_who_wants_more_streams_waits_for_them(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiters, "MOST_WAITERS", 2)
    rig = make(connection=replace(LIMITS, max_streams=2))
    session = await rig.dial()
    first = [rig.open(session, b"word") for _ in range(2)]
    await until(lambda: len(rig.streams) == 2)
    granted: list[End] = []
    reasons: list[FrpError] = []

    def ready(stream: QuicStream) -> None:
        granted.append(End(stream).attach())
        rig.ends.append(granted[-1])
        granted[-1].write(b"later")

    for _ in range(3):
        session.open_when_allowed(ready, reasons.append)
    assert not granted
    assert [type(reason) for reason in reasons] == [NoMoreStreams]
    rig.streams[0].close()
    first[0].close()
    await until(lambda: len(rig.streams) == 3 and rig.ends[-1].data == b"later")
    assert len(granted) == 1
    session.close()
    await until(lambda: len(reasons) == 2)
    session.open_when_allowed(ready, reasons.append)
    assert len(reasons) == 3
    assert len(granted) == 1


async def test_a_client_takes_no_streams(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    rig.open(session, b"word")
    await until(lambda: rig.streams)
    refused = rig.open(rig.server, b"anybody?")
    await until(lambda: refused.lost or refused.stream._stopped)  # type: ignore[attr-defined]
    assert session.stream_count == 1


async def test_nothing_opens_on_a_closed_connection(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    session.close()
    with pytest.raises(Closed):
        session.open()


async def test_what_comes_for_a_stream_that_is_over_opens_none(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    a = rig.open(session, b"word")
    await until(lambda: rig.streams)
    rig.streams[0].close()
    a.write(b"more")
    await until(lambda: a.eofs)
    rig.open(session, b"next")
    await until(lambda: len(rig.streams) == 2)
    assert bytes(rig.ends[-1].data) in (b"next", b"")
    assert rig.server.stream_count == 1


# Readers who do not read


async def test_a_reader_who_stops_bounds_what_is_held(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(withhold, "WITHHOLD_AT", 32 * KIB)
    monkeypatch.setattr(withhold, "RELEASE_AT", 16 * KIB)
    rig = make(connection=SMALL)
    session = await rig.dial()
    a = rig.open(session, b"word")
    await until(lambda: rig.streams)
    far = rig.ends[-1]
    far.pause()
    block = bytes(16 * KIB)
    total = 0
    for _ in range(200):
        while not a.writing_paused and total < 4096 * KIB:
            a.write(block)
            total += len(block)
        await asyncio.sleep(0)
        assert (
            rig.server.receivers.held <= 32 * KIB + 64 * KIB + 64 * KIB
        )  # the mark, a window, one event more
    assert a.writing_paused
    far.resume()
    await until(lambda: len(far.data) == total + 4)
    assert rig.server.receivers.held == 0


async def test_others_go_on_while_what_is_held_is_within_its_limit(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    slow = rig.open(session, b"slow")
    await until(lambda: rig.streams)
    rig.ends[-1].pause()
    slow.write(bytes(500 * KIB))
    quick = rig.open(session, b"quick")
    await until(lambda: len(rig.streams) == 2)
    rig.ends[-1].write(b"answer")
    await until(lambda: quick.data == b"answer")


async def test_who_takes_nothing_is_dropped_and_nobody_waits_for_it(make: Make) -> None:
    """The worst at once beyond the limit, each who took nothing for the stall time beyond the mark."""
    held = StallLimits(mark=100 * KIB, most=1024 * KIB, stall=0.3)
    rig = make(connection=replace(LIMITS, receivers=held))
    session = await rig.dial()
    stuck: list[End] = []
    for number in range(4):
        near = rig.open(session, b"slow")
        await until(lambda number=number: len(rig.streams) == number + 1)  # type: ignore[misc]
        stuck.append(rig.ends[-1])
        stuck[-1].pause()
        near.write(bytes(512 * KIB))
    quick = rig.open(session, b"quick")
    await until(lambda: len(rig.streams) == 5)
    far = rig.ends[-1]
    quick.write(bytes(2048 * KIB))
    await until(lambda: len(far.data) == 5 + 2048 * KIB)
    await until(lambda: stuck[0].lost)
    assert rig.server.receivers.held <= held.most + 64 * KIB
    await until(lambda: rig.server.receivers.held <= held.mark)
    assert all(isinstance(end.error, Closed) for end in stuck if end.lost)
    far.write(b"answer")
    await until(lambda: quick.data == b"answer")


async def test_the_end_of_a_connection_is_noticed_though_nobody_reads(make: Make) -> None:
    rig = make(connection=replace(SMALL, keepalive=0.05))
    session = await rig.dial()
    a = rig.open(session, b"word")
    await until(lambda: rig.streams)
    far = rig.ends[-1]
    far.pause()
    a.write(bytes(1024 * KIB))
    await until(lambda: rig.server.receivers.held)
    session.close()
    await until(lambda: not len(rig.listener))
    far.resume()
    await until(lambda: far.lost)
    assert far.error is not None


# Handshakes


async def test_nobody_is_there() -> None:
    with pytest.raises(QuicFailed, match="connection refused"):
        await dial(
            connected(("127.0.0.1", free_port())),
            server_name=NAME,
            identity=QuicIdentity(),
            limits=LIMITS,
            timeout=5,
        )


async def test_nobody_answers() -> None:
    with udp() as silent, pytest.raises(TimedOut, match=r"within 0\.1 s"):
        await dial(
            connected(silent.getsockname()),
            server_name=NAME,
            identity=QuicIdentity(),
            limits=LIMITS,
            timeout=0.1,
        )


async def test_a_peer_that_speaks_something_else(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make()
    monkeypatch.setattr(quiccore, "ALPN", "h3")
    with pytest.raises(QuicFailed) as caught:
        await rig.dial()
    assert str(caught.value).startswith("TLS: ")
    await until(lambda: not len(rig.listener))


@pytest.fixture
def judge(tmp_path: Path) -> Callable[..., Judge]:
    """Makes judges of certificates that the authority ``tests`` must have signed."""
    ca = tmp_path / "ca.crt"
    ca.write_bytes(authority().ca)

    def made(name: str = "", *, server_side: bool) -> Judge:
        context = VerifyingContext(str(ca), server_side=server_side)
        return lambda chain: context.judge_chain(chain, name)

    return made


async def test_a_client_judges_the_server(make: Make, judge: Callable[..., Judge]) -> None:
    rig = make()
    session = await rig.dial(judge=judge(NAME, server_side=False))
    assert session.state is QuicState.OPEN


async def test_a_client_that_expects_another_name(make: Make, judge: Callable[..., Judge]) -> None:
    rig = make(handshake_seconds=1.0)
    with pytest.raises(QuicFailed, match=r"not for other\.test"):
        await rig.dial(judge=judge("other.test", server_side=False))
    await until(lambda: not len(rig.listener))


async def test_a_client_that_trusts_another_authority(make: Make, tmp_path: Path) -> None:
    rig = make()
    other = tmp_path / "other.crt"
    other.write_bytes(authority("other").ca)
    context = VerifyingContext(str(other), server_side=False)
    with pytest.raises(QuicFailed, match="trustedCaFile"):
        await rig.dial(judge=lambda chain: context.judge_chain(chain, NAME))


async def test_a_server_that_demands_a_certificate(make: Make, judge: Callable[..., Judge]) -> None:
    rig = make(judge(server_side=True))
    session = await rig.dial(shows=identity())
    end = rig.open(session, b"word")
    await until(lambda: rig.streams)
    rig.ends[-1].write(b"answer")
    await until(lambda: end.data == b"answer")


async def refused(rig: Rig, shows: QuicIdentity | None) -> str:
    """Why a client that shows this is dropped: a client's own handshake ends before the server has judged it."""
    try:
        session = await rig.dial(shows=shows)
    except QuicFailed as exc:
        return str(exc)
    end = rig.open(session, b"word")
    await until(lambda: end.lost)
    assert not rig.streams
    return str(end.error)


async def test_a_client_without_a_certificate(make: Make, judge: Callable[..., Judge]) -> None:
    rig = make(judge(server_side=True))
    assert "demands a client certificate" in await refused(rig, None)
    await until(lambda: not len(rig.listener))


async def test_a_client_with_another_authoritys_certificate(make: Make, judge: Callable[..., Judge]) -> None:
    rig = make(judge(server_side=True))
    assert "the peer refused our certificate" in await refused(rig, identity("other"))


# Ends


async def test_closing_tells_the_peer_and_ends_every_stream(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    near = [rig.open(session, b"word") for _ in range(3)]
    await until(lambda: len(rig.streams) == 3)
    session.close()
    await until(lambda: all(end.lost for end in rig.ends))
    assert all(isinstance(end.error, Closed) for end in rig.ends)
    assert all(end.error for end in near)
    assert rig.losses == [None]
    session.close()
    await until(lambda: not len(rig.listener))


async def test_an_idle_connection_lives_on_its_keep_alive(make: Make) -> None:
    short = replace(LIMITS, idle_timeout=1.5, keepalive=0.1)
    rig = make(connection=short)
    session = await rig.dial(limits=short)
    end = rig.open(session, b"word")
    await until(lambda: rig.streams)
    await asyncio.sleep(2.0)
    assert not session.lost
    rig.ends[-1].write(b"answer")
    await until(lambda: end.data == b"answer")


async def test_a_silent_peer_is_lost(make: Make) -> None:
    short = replace(LIMITS, idle_timeout=1.0, keepalive=0.0)
    rig = make(connection=short)
    session = await rig.dial(limits=short)
    end = rig.open(session, b"word")
    await until(lambda: rig.streams)
    await until(lambda: end.lost and rig.ends[-1].lost)
    assert end.error is not None
    assert rig.losses[0] is not None


async def test_a_silent_peer_costs_no_work(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both sides take each other for silent, and wait for what is due without asking again and again."""
    short = replace(LIMITS, idle_timeout=1.0, keepalive=0.05)
    rig = make(connection=short)
    session = await rig.dial(limits=short)
    end = rig.open(session, b"word")
    await until(lambda: rig.streams)
    run, runs = ConnectionTimer._run, list[ConnectionTimer]()

    def counted(timer: ConnectionTimer) -> None:
        runs.append(timer)
        run(timer)

    monkeypatch.setattr(ConnectionTimer, "_run", counted)
    monkeypatch.setattr(ConnectedSocket, "send", lambda *_: None)
    monkeypatch.setattr(rig.listener, "send", lambda *_: None)
    await until(lambda: end.lost and rig.ends[-1].lost)
    assert 2 <= len(runs) < 500


async def test_a_server_that_is_gone_is_noticed(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    end = rig.open(session, b"word")
    await until(lambda: rig.streams)
    rig.listener._udp.close()  # as if its process had died
    end.write(b"still there?")
    await until(lambda: end.lost)
    assert "refused" in str(end.error)


async def test_facts(make: Make) -> None:
    rig = make()
    session = await rig.dial()
    end = rig.open(session, b"word")
    await until(lambda: rig.streams)
    assert end.stream.info("peername") == rig.streams[0].info("sockname") == rig.listener.address
    assert end.stream.info("sockname") == rig.streams[0].info("peername")
    assert "streams=1" in repr(session)
    assert "sessions=1" in repr(rig.listener)
    assert "QuicStream 0" in repr(end.stream)


def test_the_configuration_is_the_librarys() -> None:
    configuration = quiccore.server_configuration(identity(), SMALL)
    assert isinstance(configuration, QuicConfiguration)
    assert configuration.alpn_protocols == ["frp"]
    assert configuration.max_stream_data == SMALL.stream_window
