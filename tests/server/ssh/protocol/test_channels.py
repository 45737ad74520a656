"""A forwarded channel over a carrier that only keeps what is sent: windows, packets, ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from aiofrp.errors import Closed, RemoteProtocolError
from aiofrp.server.ssh.protocol.channels import FIRST_WINDOW, MAX_PACKET, MAX_WINDOW, ForwardedChannel
from aiofrp.server.ssh.protocol.fields import (
    CHANNEL_CLOSE,
    CHANNEL_DATA,
    CHANNEL_EOF,
    CHANNEL_FAILURE,
    CHANNEL_OPEN,
    CHANNEL_WINDOW_ADJUST,
    Fields,
)
from aiofrp.stream.base import Buffer, Pause
from aiofrp.stream.stall import Account, StallLimits
from tests.support.ends import End, settle


class Carrier:
    """Keeps messages; :attr:`full` makes it take no data."""

    def __init__(self) -> None:
        self.receivers, self.queues = Account(StallLimits()), Account(StallLimits())
        self.full = False
        self.sent: list[tuple[int, bytes]] = []
        self.queued: list[ForwardedChannel] = []
        self.forgotten = self.bytes_out = 0

    def may_write(self) -> bool:
        return not self.full

    def send(self, *parts: Buffer) -> None:
        message = b"".join(parts)
        self.sent.append((message[0], message[1:]))

    def queue(self, channel: ForwardedChannel) -> None:
        self.queued.append(channel)

    def forget(self, channel: ForwardedChannel) -> None:
        self.forgotten += 1

    def info(self, key: str) -> Any:
        return {"peername": ("10.0.0.1", 5)}.get(key)

    @property
    def kinds(self) -> list[int]:
        """The kinds of messages since the last call."""
        kinds = [kind for kind, _ in self.sent]
        self.sent.clear()
        return kinds

    def turn(self) -> None:
        """Let the channel send what it queued."""
        while self.queued:
            channel = self.queued.pop()
            channel.in_turn = False
            channel.send_turn(1 << 20)


def opened(window: int = 1000, packet: int = 100) -> tuple[Carrier, ForwardedChannel, End]:
    """An open channel with its user."""
    carrier = Carrier()
    channel = ForwardedChannel(carrier)
    channel.number = 3
    channel.open(("", 80), ("1.2.3.4", 5))
    channel.opened(9, window, packet)
    end = End(channel).attach()
    assert carrier.kinds == [CHANNEL_OPEN]
    return carrier, channel, end


def data_of(carrier: Carrier) -> bytes:
    """The bytes in the data messages so far."""
    return b"".join(Fields(body, 4).string(MAX_PACKET) for kind, body in carrier.sent if kind == CHANNEL_DATA)


async def test_the_request_names_where_and_who() -> None:
    carrier = Carrier()
    channel = ForwardedChannel(carrier)
    channel.number = 3
    channel.open(("a.test", 80), ("1.2.3.4", 5))
    fields = Fields(carrier.sent[0][1], 0)
    assert fields.text(99) == "forwarded-tcpip"
    assert [fields.uint32() for _ in range(3)] == [3, FIRST_WINDOW, MAX_PACKET]
    assert (fields.text(99), fields.uint32(), fields.text(99), fields.uint32()) == (
        "a.test",
        80,
        "1.2.3.4",
        5,
    )
    assert channel.info("peername") == ("10.0.0.1", 5)


async def test_data_is_cut_to_packets_and_waits_for_the_window() -> None:
    carrier, channel, end = opened(window=250, packet=100)
    data = bytes(range(256)) * 2
    end.write(data)
    assert data_of(carrier) == data[:250]
    assert carrier.kinds == [CHANNEL_DATA] * 3
    channel.add_window(1000)
    carrier.turn()
    assert data_of(carrier) == data[250:]
    end.check()


async def test_nothing_is_sent_before_the_confirmation() -> None:
    carrier = Carrier()
    channel = ForwardedChannel(carrier)
    channel.number = 3
    end = End(channel).attach()
    end.write(b"early")
    channel.write_eof()
    channel.open(("", 80), ("", 80))
    assert carrier.kinds == [CHANNEL_OPEN]
    channel.opened(1, 100, 100)
    carrier.turn()
    assert data_of(carrier) == b"early"
    assert carrier.kinds == [CHANNEL_DATA, CHANNEL_EOF]


async def test_a_full_connection_pauses_the_writer() -> None:
    carrier, _, end = opened(window=1 << 20, packet=1 << 15)
    carrier.full = True
    end.write(bytes(200_000))
    assert end.writing_paused
    assert not carrier.sent
    carrier.full = False
    carrier.turn()
    assert not end.writing_paused
    assert len(data_of(carrier)) == 200_000


async def test_credit_comes_back_as_it_is_taken_and_the_window_grows() -> None:
    carrier, channel, end = opened()
    given = FIRST_WINDOW
    for _ in range(200):
        channel.receive(bytes(32768))
        given -= 32768
        given += sum(Fields(body, 4).uint32() for kind, body in carrier.sent if kind == CHANNEL_WINDOW_ADJUST)
        carrier.sent.clear()
    assert MAX_WINDOW // 2 <= given <= MAX_WINDOW
    assert len(end.data) == 200 * 32768
    end.check()


async def test_a_paused_receiver_gets_no_more_than_the_first_window() -> None:
    carrier, channel, end = opened()
    channel.pause_reading(Pause.PEER)
    for _ in range(FIRST_WINDOW // 32768):
        channel.receive(bytes(32768))
    assert not carrier.kinds
    assert carrier.receivers.held == FIRST_WINDOW
    with pytest.raises(RemoteProtocolError, match="beyond its window"):
        channel.receive(b"x")
    channel.resume_reading(Pause.PEER)
    await settle(lambda: len(end.data))
    assert len(end.data) == FIRST_WINDOW
    assert carrier.receivers.held == 0
    assert CHANNEL_WINDOW_ADJUST in carrier.kinds


async def test_each_direction_ends_by_itself_then_the_channel_closes() -> None:
    carrier, channel, end = opened()
    channel.receive(b"last")
    channel.eof_seen()
    assert (bytes(end.data), end.eofs, end.losses) == (b"last", 1, [])
    end.write(b"answer")
    channel.write_eof()
    await settle(lambda: len(end.losses))
    assert end.losses == [None]
    assert carrier.kinds == [CHANNEL_DATA, CHANNEL_EOF, CHANNEL_CLOSE]
    assert not channel.dead  # until the client closes it, too
    channel.close_seen()
    assert (channel.dead, carrier.forgotten) == (True, 1)
    end.check()


async def test_a_close_without_eof_is_an_orderly_end() -> None:
    """Go's clients close so."""
    carrier, channel, end = opened()
    channel.receive(b"all")
    channel.close_seen()
    await settle(lambda: len(end.losses))
    assert (bytes(end.data), end.eofs, end.losses) == (b"all", 1, [None])
    assert carrier.kinds == [CHANNEL_CLOSE]
    with pytest.raises(RemoteProtocolError, match="closed twice"):
        channel.close_seen()
    assert carrier.forgotten == 1


async def test_a_close_while_data_waits_is_an_error() -> None:
    carrier, channel, end = opened(window=1)
    end.write(b"xyz")
    channel.close_seen()
    await settle(lambda: len(end.losses))
    assert isinstance(end.losses[0], Closed)
    assert carrier.queues.held == 0


@pytest.mark.parametrize("close", [ForwardedChannel.close, ForwardedChannel.abort])
async def test_data_after_our_end_is_dropped(close: Any) -> None:
    carrier, channel, end = opened()
    close(channel)
    channel.receive(b"late")
    channel.eof_seen()
    channel.close_seen()
    await settle(lambda: len(end.losses))
    assert (bytes(end.data), end.eofs, end.losses, channel.dead) == (b"", 0, [None], True)
    assert carrier.kinds[-1] == CHANNEL_CLOSE
    channel.close()
    channel.abort()
    end.write(b"x")
    assert not carrier.kinds


async def test_close_before_the_confirmation_closes_after_it() -> None:
    for close in (ForwardedChannel.close, ForwardedChannel.abort):
        carrier = Carrier()
        channel = ForwardedChannel(carrier)
        channel.number = 3
        channel.open(("", 80), ("", 80))
        end = End(channel).attach()
        close(channel)
        channel.opened(1, 100, 100)
        carrier.turn()
        assert carrier.kinds[-1] == CHANNEL_CLOSE
        channel.close_seen()
        assert channel.dead
        await asyncio.sleep(0)
        assert end.losses == [None]


async def test_a_channel_that_was_never_opened_just_ends() -> None:
    carrier = Carrier()
    channel = ForwardedChannel(carrier)
    channel.number = 3
    end = End(channel).attach()
    channel.close()
    await settle(lambda: len(end.losses))
    assert (end.losses, carrier.sent) == ([None], [])


async def test_a_refusal_is_an_error() -> None:
    carrier = Carrier()
    channel = ForwardedChannel(carrier)
    channel.number = 3
    end = End(channel).attach()
    end.write(b"x")
    channel.open(("", 80), ("", 80))
    channel.refused("Connection refused")
    await settle(lambda: len(end.losses))
    assert "the SSH client refused the connection: Connection refused" in str(end.losses[0])
    assert carrier.kinds == [CHANNEL_OPEN]
    assert carrier.forgotten == 1


async def test_messages_against_the_protocol() -> None:
    carrier, channel, _ = opened()
    with pytest.raises(RemoteProtocolError, match="confirmed twice"):
        channel.opened(1, 1, 1)
    with pytest.raises(RemoteProtocolError, match="after its confirmation"):
        channel.refused("x")
    with pytest.raises(RemoteProtocolError, match="overflows"):
        channel.add_window(0xFFFFFFFF)
    channel.refuse_request()
    assert carrier.kinds == [CHANNEL_FAILURE]
    fresh = ForwardedChannel(carrier)
    fresh.number = 3
    with pytest.raises(RemoteProtocolError, match="no packets"):
        fresh.opened(1, 1, 0)


async def test_the_end_of_the_connection_ends_the_channel() -> None:
    carrier, channel, end = opened()
    channel.connection_ended(None)
    await settle(lambda: len(end.losses))
    assert isinstance(end.losses[0], Closed)
    assert (channel.dead, carrier.forgotten, carrier.receivers.credit) == (True, 1, 0)
    channel.close()
    assert not carrier.kinds


async def test_a_stalled_channel_is_closed_with_an_error() -> None:
    carrier, channel, end = opened()
    channel.pause_reading(Pause.PEER)
    channel.receive(bytes(1000))
    channel._stalled(Closed("nothing was taken"))
    await settle(lambda: len(end.losses))
    assert [str(loss) for loss in end.losses] == ["nothing was taken"]
    assert carrier.kinds == [CHANNEL_CLOSE]
    assert carrier.receivers.held == 0
