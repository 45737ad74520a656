"""The connection protocol over packets in memory: what a client may ask for, and its limits."""

from __future__ import annotations

from typing import Any

import pytest

from aiofrp.errors import Closed, RemoteProtocolError
from aiofrp.server.ssh.protocol import connection as limits
from aiofrp.server.ssh.protocol.channels import ForwardedChannel
from aiofrp.server.ssh.protocol.connection import SshConnection
from aiofrp.server.ssh.protocol.fields import (
    CHANNEL_CLOSE,
    CHANNEL_DATA,
    CHANNEL_OPEN,
    CHANNEL_OPEN_CONFIRMATION,
    CHANNEL_OPEN_FAILURE,
    CHANNEL_REQUEST,
    CHANNEL_WINDOW_ADJUST,
    GLOBAL_REQUEST,
    REQUEST_FAILURE,
    REQUEST_SUCCESS,
    string,
    uint32,
)
from aiofrp.server.ssh.protocol.terminal import Terminal
from aiofrp.stream.base import Buffer
from tests.support.ends import End, settle


class Client:
    """The packets of a connection, and its user; keeps what both get."""

    def __init__(self) -> None:
        self.full = False
        self.sent: list[bytes] = []
        self.calls: list[object] = []
        self.reason = ""
        self.connection = SshConnection(self)
        self.connection.serve(self)

    # Packets

    def send_message(self, *parts: Buffer) -> None:
        self.sent.append(b"".join(parts))

    def end(self, reason: str) -> None:
        self.reason = reason

    def info(self, key: str) -> Any:
        return None

    # ConnectionUser

    def forward_asked(self, where: tuple[str, int]) -> int | None:
        self.calls.append(where)
        return None if where[0] == "no" else where[1] or 7

    def forward_cancelled(self, where: tuple[str, int]) -> bool:
        return where in self.calls

    def command(self, terminal: Terminal, text: str) -> None:
        self.calls.append(text)

    def interrupted(self, terminal: Terminal) -> None:
        raise NotImplementedError

    def terminal_closed(self, terminal: Terminal) -> None:
        self.calls.append("closed")

    def alive(self) -> None:
        self.calls.append("alive")

    def ended(self, exc: Exception | None) -> None:
        self.calls.append(exc)

    # The test

    def receive(self, kind: int, *fields: bytes) -> None:
        message = bytes([kind]) + b"".join(fields)
        assert self.connection.packet(b"\4" + message + bytes(4), 1 + len(message))

    def forward(
        self, host: str, port: int, name: str = "tcpip-forward", wants_reply: bool = True
    ) -> list[bytes]:
        self.receive(GLOBAL_REQUEST, string(name), bytes([wants_reply]), string(host), uint32(port))
        return self.answers()

    def open(self, kind: str = "session", packet: int = 32768) -> list[bytes]:
        self.receive(CHANNEL_OPEN, string(kind), uint32(5), uint32(10_000), uint32(packet))
        return self.answers()

    def answers(self) -> list[bytes]:
        sent, self.sent = self.sent, []
        return sent


@pytest.fixture
async def client() -> Any:
    client = Client()
    yield client
    client.connection.ended(None)


async def test_forwards(client: Client) -> None:
    assert client.forward("a", 80) == [bytes([REQUEST_SUCCESS])]
    assert client.forward("b", 0) == [bytes([REQUEST_SUCCESS]) + uint32(7)]
    assert client.forward("no", 80) == [bytes([REQUEST_FAILURE])]
    assert client.forward("c", 70_000) == [bytes([REQUEST_FAILURE])]
    assert client.forward("d", 80, wants_reply=False) == []
    assert client.forward("a", 80, "cancel-tcpip-forward") == [bytes([REQUEST_SUCCESS])]
    assert client.forward("x", 80, "cancel-tcpip-forward") == [bytes([REQUEST_FAILURE])]
    assert client.calls == [("a", 80), ("b", 0), ("no", 80), ("d", 80)]


async def test_other_requests_are_answered(client: Client) -> None:
    client.receive(GLOBAL_REQUEST, string("keepalive@openssh.com"), b"\1")
    client.receive(GLOBAL_REQUEST, string("no-more-sessions@openssh.com"), b"\0")
    client.receive(GLOBAL_REQUEST, string("streamlocal-forward@openssh.com"), b"\1", string("/x"))
    assert client.answers() == [bytes([REQUEST_SUCCESS]), bytes([REQUEST_FAILURE])]
    assert not client.connection.packet(b"\0\xc0", 2)


async def test_only_sessions_may_be_opened_and_few(client: Client) -> None:
    for kind in ("direct-tcpip", "x11", "forwarded-tcpip", ""):
        assert client.open(kind)[0][0] == CHANNEL_OPEN_FAILURE
    assert client.open(packet=0)[0][0] == CHANNEL_OPEN_FAILURE
    answers = [client.open()[0] for _ in range(limits.MAX_TERMINALS + 1)]
    assert [answer[0] for answer in answers] == [CHANNEL_OPEN_CONFIRMATION] * limits.MAX_TERMINALS + [
        CHANNEL_OPEN_FAILURE
    ]
    number = answers[0][5:9]
    client.receive(CHANNEL_REQUEST, number, string("exec"), b"\0", string("tcp"))
    client.receive(CHANNEL_CLOSE, number)
    assert client.calls == ["tcp", "closed"]
    client.answers()
    assert client.open()[0][0] == CHANNEL_OPEN_CONFIRMATION


async def test_forwards_have_a_limit(client: Client) -> None:
    answers = [client.forward("a", port + 1)[0][0] for port in range(limits.MAX_FORWARDS + 2)]
    assert answers == [REQUEST_SUCCESS] * limits.MAX_FORWARDS + [REQUEST_FAILURE] * 2


@pytest.mark.parametrize(
    "message",
    [
        (CHANNEL_OPEN_CONFIRMATION, uint32(1), uint32(1), uint32(1), uint32(1)),
        (CHANNEL_WINDOW_ADJUST, uint32(1), uint32(1)),
        (CHANNEL_CLOSE, uint32(1)),
        (CHANNEL_CLOSE,),
        (CHANNEL_REQUEST, uint32(1), string("exec"), b"\0", string("tcp")),
        (CHANNEL_OPEN, string("session")),
        (GLOBAL_REQUEST, uint32(0xFFFFFFFF)),
        (GLOBAL_REQUEST, string("tcpip-forward"), b"\1", uint32(9999)),
        (GLOBAL_REQUEST, string(bytes(1000)), b"\1"),
    ],
)
async def test_messages_against_the_protocol(client: Client, message: tuple[int, ...]) -> None:
    with pytest.raises(RemoteProtocolError):
        client.receive(*message)  # type: ignore[arg-type]
    with pytest.raises(RemoteProtocolError):
        client.receive(CHANNEL_DATA, uint32(99), string("x"))


async def test_a_client_that_reads_no_answers_is_ended(client: Client) -> None:
    client.full = True
    with pytest.raises(RemoteProtocolError, match="does not read"):
        [client.open("direct-tcpip") for _ in range(limits.MAX_ANSWERS)]
    client.full = False
    client.connection.writable()
    assert client.open("direct-tcpip")


async def test_channels_send_in_turn(client: Client) -> None:
    ends = []
    for _ in range(2):
        channel = ForwardedChannel(client.connection)
        client.connection.open_channel(channel, ("", 80), ("1.1.1.1", 1))
        client.receive(
            CHANNEL_OPEN_CONFIRMATION, uint32(channel.number), uint32(8), uint32(1 << 20), uint32(1 << 15)
        )
        ends.append(End(channel).attach())
    client.full = True
    for end, letter in zip(ends, (b"a", b"b"), strict=True):
        end.write(letter * 150_000)
    client.answers()
    client.full = False
    client.connection.writable()
    await settle(lambda: len(client.sent))
    order = "".join(chr(message[9]) for message in client.answers() if message[0] == CHANNEL_DATA)
    assert order.count("a") == order.count("b")
    assert "b" in order[:4]
    assert client.connection.open_channels == 2


async def test_channels_have_a_limit(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_CHANNELS", 1)
    ends = []
    for _ in range(2):
        channel = ForwardedChannel(client.connection)
        ends.append(End(channel).attach())
        client.connection.open_channel(channel, ("", 80), ("1.1.1.1", 1))
    await settle(lambda: len(ends[1].losses))
    assert not ends[0].losses
    assert "1 channels are open" in str(ends[1].losses[0])


async def test_a_sign_of_life_is_asked_for(client: Client) -> None:
    connection = client.connection
    connection.bytes_came()
    assert not client.calls
    connection.ping()
    assert client.answers()[0][0] == GLOBAL_REQUEST
    connection.bytes_came()
    connection.bytes_came()
    assert client.calls == ["alive"]


async def test_a_dead_client_is_ended_in_time() -> None:
    client = Client()
    connection = client.connection
    channel = ForwardedChannel(connection)
    connection.open_channel(channel, ("", 80), ("", 80))
    end = End(channel).attach()
    start = connection.received_at
    now, asked = start, 0
    while not client.reason:
        due = connection._timer.when()
        assert due > now
        now = due
        connection._timer.cancel()
        connection._check_alive(now)
        asked += 1
    assert asked > 2
    assert 60 < now - start <= 90
    assert client.reason == "no sign of life"
    assert isinstance(client.calls[-1], Closed)
    await settle(lambda: len(end.losses))
    assert "gave no sign of life" in str(end.losses[0])
    connection.ended(None)
    assert len(client.calls) == 1


async def test_nothing_is_opened_after_the_end(client: Client) -> None:
    client.connection.ended(None)
    channel = ForwardedChannel(client.connection)
    end = End(channel).attach()
    client.connection.open_channel(channel, ("", 80), ("", 80))
    await settle(lambda: len(end.losses))
    assert "has ended" in str(end.losses[0])
