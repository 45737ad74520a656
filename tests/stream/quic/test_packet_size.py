"""The size of a server's packets: what an Ethernet carries, and less where the path shows that it does not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from aiofrp.stream.quic.core.library import PACKET_SIZE
from aiofrp.stream.udp.socket import Address
from tests.stream.quicrig import Rig
from tests.support.ends import End, until

VOLUME = 512 * 1024


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    made.dispose()
    await until(lambda: all(end.lost for end in made.ends))


async def stream(rig: Rig) -> tuple[End, End]:
    """Both ends of a new stream, the client's first."""
    session = await rig.dial()
    near = rig.open(session, b"word")
    await until(lambda: bool(rig.ends) and len(rig.ends[-1].data) == 4)
    return near, next(end for end in rig.ends if end is not near)


@pytest.mark.parametrize("carried", [1500, 1400, 1300])
async def test_a_path_that_carries_less(rig: Rig, monkeypatch: pytest.MonkeyPatch, carried: int) -> None:
    """Packets that are too large are lost without a word; the transfer ends all the same."""
    send, lost = rig.listener.send, 0
    sizes: list[int] = []

    def limited(datagrams: list[bytes], address: Address, /) -> None:
        nonlocal lost
        passing = [datagram for datagram in datagrams if len(datagram) <= carried]
        lost += len(datagrams) - len(passing)
        sizes.extend(map(len, passing))
        send(passing, address)

    near, far = await stream(rig)
    monkeypatch.setattr(rig.listener, "send", limited)
    far.write(bytes(VOLUME))
    await until(lambda: len(near.data) == VOLUME)
    if carried == 1500:
        assert not lost
        assert 1400 < max(sizes) <= 1452
    else:
        assert 0 < lost < 100
        assert max(sizes) <= PACKET_SIZE
