"""Whose fault it is: of the peer what the library raises, and ours what our own handlers and judges raise."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from aiofrp.stream.quic.core.errors import QuicFailed
from aiofrp.stream.quic.core.library import retry_packet, version_packet
from aiofrp.stream.quic.core.limits import Judge
from aiofrp.stream.quic.session import QuicSession
from aiofrp.wire.quic.header import VERSION_1, parse_long
from tests.stream.quicrig import Rig, identity
from tests.support.ends import until

Make = Callable[..., Rig]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    rigs: list[Rig] = []

    def made(*args: object, **limits: object) -> Rig:
        rigs.append(Rig(*args, **limits))  # type: ignore[arg-type]
        return rigs[-1]

    yield made
    for rig in rigs:
        rig.dispose()
    await until(lambda: all(end.lost for rig in rigs for end in rig.ends))


async def test_a_fault_of_ours_in_the_handshake_is_not_the_peers(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = make()

    def fails(session: QuicSession) -> None:
        raise RuntimeError("a mistake of ours at the end of the handshake")

    monkeypatch.setattr(rig.listener, "_ready", fails)
    session = await rig.dial()
    rig.open(session, b"word")
    await until(lambda: rig.streams)
    assert not rig.server.lost
    (fault,) = [line for line in caplog.messages if "a mistake of ours" in line]
    assert fault.startswith("internal error: the QUIC connection of ")


async def meet(rig: Rig, judge: Judge | None) -> None:
    """A client's connection, and how it ends."""
    session = await rig.dial(shows=identity(), judge=judge)
    await until(lambda: session.lost)
    raise rig.losses[-1] or AssertionError


@pytest.mark.parametrize("side", ["server", "client"])
async def test_a_judge_that_fails_refuses_the_peer(
    make: Make, side: str, caplog: pytest.LogCaptureFixture
) -> None:
    def judge(chain: list[bytes]) -> str:
        if side == "server":  # on lines of their own, since a kind of fault is logged once in a while
            raise LookupError("a mistake of the server's judge")
        raise LookupError("a mistake of the client's judge")

    rig = make(judge) if side == "server" else make()
    with pytest.raises(QuicFailed, match=r"certificate"):
        await meet(rig, judge if side == "client" else None)
    assert any(f"LookupError: a mistake of the {side}'s judge" in line for line in caplog.messages)


def test_packets_before_a_connection_name_the_right_ids() -> None:
    client, server, original = b"client-1", b"server-2", b"original"
    retry = parse_long(retry_packet(VERSION_1, client, server, original, b"token"))
    assert retry is not None
    assert (retry.destination, retry.source) == (client, server)
    versions = parse_long(version_packet(client, server, (VERSION_1,)))
    assert versions is not None
    assert (versions.version, versions.destination, versions.source) == (0, client, server)
