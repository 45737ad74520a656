"""The websocket stream: what it puts on its carrier, and what it makes of a peer's frames."""

from __future__ import annotations

import pytest

from aiofrp.errors import Closed, RemoteProtocolError
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.websocket import WebSocketStream
from aiofrp.wire.websocket import WebSocketCodec
from tests.support.ends import End, settle, until


class Peer:
    """The other side of the carrier, in frames: a client where ours is a server and the other way round."""

    def __init__(self, carrier: Stream, *, client: bool) -> None:
        self.end = End(carrier).attach()
        self.websocket = WebSocketCodec(client=client)

    def send(self, data: bytes) -> None:
        for part in self.websocket.frame(data):
            self.end.write(part)

    async def received(self, size: int) -> bytes:
        """The next ``size`` bytes on the carrier."""
        await until(lambda: len(self.end.data) >= size)
        data = bytes(self.end.data[:size])
        del self.end.data[:size]
        return data


@pytest.fixture
def server() -> tuple[End, Peer]:
    """Our server, and a client to play with."""
    near, far = memory_pair()
    return End(WebSocketStream(near, client=False)).attach(), Peer(far, client=True)


async def test_the_first_write_of_a_turn_leaves_alone_and_the_others_together(
    server: tuple[End, Peer],
) -> None:
    end, peer = server
    for _ in range(2):
        for data in (b"one", b"two", b"", memoryview(b"three")):
            end.write(data)
        assert await peer.received(15) == b"\x82\x03one\x82\x08twothree"


async def test_large_writes_do_not_wait(server: tuple[End, Peer]) -> None:
    end, peer = server
    for data in (bytes(10), bytes(70_000), bytes(5)):
        end.write(data)
    assert (await peer.received(12))[:2] == b"\x82\x0a"
    header = b"\x82\x7f" + (70_000).to_bytes(8, "big")
    assert (await peer.received(70_010))[:10] == header
    assert await peer.received(7) == b"\x82\x05" + bytes(5)


async def test_bytes_read_before_come_first() -> None:
    near, far = memory_pair()
    peer = Peer(far, client=False)
    stream = WebSocketStream(near, client=True, early=b"\x82\x05early\x82\x04")
    peer.end.write(b"late")
    end = End(stream).attach()
    await until(lambda: end.data == b"earlylate")


async def test_a_ping_is_answered(server: tuple[End, Peer]) -> None:
    end, peer = server
    for part in peer.websocket._frame(9, b"hi"):
        peer.end.write(part)
    assert await peer.received(4) == b"\x8a\x02hi"
    assert not end.data


async def test_pings_to_a_peer_that_does_not_read_are_not_gathered(server: tuple[End, Peer]) -> None:
    """The newest few are answered once it reads again."""
    end, peer = server
    peer.end.pause()
    while not end.writing_paused:
        end.write(bytes(16 * 1024))
    for number in range(100):
        for part in peer.websocket._frame(9, b"%03d" % number):
            peer.end.write(part)
    await settle(lambda: end.writing_paused, turns=500)
    peer.end.resume()
    await until(lambda: not end.writing_paused)
    await settle(lambda: len(peer.end.data))
    pongs = [b"\x8a\x03%03d" % number for number in range(84, 100)]
    assert bytes(peer.end.data).endswith(b"".join(pongs))
    assert peer.end.data.count(b"\x8a\x03") == 16


async def test_closing_sends_the_status_of_a_good_end(server: tuple[End, Peer]) -> None:
    end, peer = server
    end.write(b"bye")
    end.close()
    assert await peer.received(9) == b"\x82\x03bye\x88\x02\x03\xe8"
    await until(lambda: peer.end.eofs)


@pytest.mark.parametrize("status", [1000, 1001])
async def test_a_peer_that_is_going(server: tuple[End, Peer], status: int) -> None:
    end, peer = server
    peer.send(b"last")
    peer.end.write(peer.websocket.close(status))
    await until(lambda: end.eofs)
    assert end.data == b"last"
    assert not end.lost


async def test_a_peer_that_gives_up_is_an_error(server: tuple[End, Peer]) -> None:
    end, peer = server
    peer.end.write(peer.websocket.close(1011))
    await until(lambda: end.lost)
    assert isinstance(end.error, Closed)
    assert str(end.error) == "the peer closed the websocket with status 1011"
    assert not end.eofs


async def test_broken_rules_are_told_and_end_the_stream(server: tuple[End, Peer]) -> None:
    end, peer = server
    peer.end.write(b"\x82\x01x")  # not masked
    await until(lambda: end.lost)
    assert isinstance(end.error, RemoteProtocolError)
    assert await peer.received(4) == b"\x88\x02\x03\xea"
    await until(lambda: peer.end.eofs)


async def test_what_came_before_broken_rules_counts_though_it_came_with_them(
    server: tuple[End, Peer],
) -> None:
    end, peer = server
    good = b"".join(
        b"".join(map(bytes, peer.websocket._frame(*frame))) for frame in ((2, b"good"), (9, b"?"))
    )
    peer.end.write(good + b"\x82\x01x")
    await until(lambda: end.lost)
    assert end.data == b"good"
    assert await peer.received(7) == b"\x8a\x01?\x88\x02\x03\xea"


async def test_a_carrier_that_ends_in_the_middle_of_a_frame(server: tuple[End, Peer]) -> None:
    end, peer = server
    peer.end.write(b"".join(map(bytes, peer.websocket.frame(b"hello")))[:-1])
    peer.end.close()
    await until(lambda: end.lost)
    assert end.data == b"hell"
    assert isinstance(end.error, Closed)
    assert "without a websocket close frame" in str(end.error)
