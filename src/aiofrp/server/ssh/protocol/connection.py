"""The connection protocol of one SSH client (RFC 4254): forwards, session channels and forwarded connections.

It knows no key and no cipher: packets come in decrypted, and go out through :class:`Packets`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from struct import Struct
from typing import Any, Protocol

from aiofrp.aio import check_after, check_at
from aiofrp.errors import Closed, FrpError, RemoteProtocolError
from aiofrp.server.ssh.protocol import fields as ssh
from aiofrp.server.ssh.protocol.channels import ForwardedChannel
from aiofrp.server.ssh.protocol.fields import Fields, string, uint32
from aiofrp.server.ssh.protocol.terminal import TYPED_WINDOW, Terminal, TerminalUser
from aiofrp.stream.base import Buffer
from aiofrp.stream.stall import Account, StallLimits

#: Session channels of one client at once, and forwards (``-R``).
MAX_TERMINALS, MAX_FORWARDS = 8, 64
#: Forwarded connections of one client at once, those included whose end it has not confirmed.
MAX_CHANNELS = 8192
#: Seconds of silence after which the client is asked for a sign of life, and after which it counts as dead.
ASK_AFTER, DEAD_AFTER = 30.0, 80.0
#: Bytes of answers that may wait for a client that does not read.
MAX_ANSWERS = 256 * 1024
#: Bytes one channel may send in its turn when the connection was full.
QUANTUM = 64 * 1024
_MAX_NAME = 256
#: Bytes of data below which they are copied rather than viewed, which costs less.
_COPIED = 4096
#: What follows our number of the channel in a confirmation: the client's number, its window and its longest packet.
_CONFIRMED = Struct(">III")
_KEEP_ALIVE = bytes((ssh.GLOBAL_REQUEST,)) + string("keepalive@openssh.com") + b"\1"


class Packets(Protocol):
    """The transport protocol below (RFC 4253), after the login."""

    @property
    def full(self) -> bool:
        """Whether what was sent waits: the socket takes no more, or keys are being exchanged."""

    def send_message(self, *parts: Buffer) -> None:
        """Send one message."""

    def end(self, reason: str) -> None:
        """Give the client ``reason`` and close the connection, after what was sent."""

    def info(self, key: str) -> Any:
        """A fact about the connection: ``peername``, ``sockname``."""


class ConnectionUser(TerminalUser, Protocol):
    """Who decides what an SSH client gets."""

    def forward_asked(self, where: tuple[str, int]) -> int | None:
        """The client offers connections (``-R``): host and port as it names them. Returns the port that it shall use
        for them instead of 0; ``None`` refuses."""

    def forward_cancelled(self, where: tuple[str, int]) -> bool:
        """The client takes an offer back; returns whether there was one."""

    def alive(self) -> None:
        """The client has given a sign of life that it was asked for."""

    def ended(self, exc: Exception | None) -> None:
        """The connection has ended; called once, last."""


class SshConnection:
    """One client after its login. :attr:`receivers` and :attr:`queues` limit what its channels hold."""

    def __init__(self, packets: Packets, limits: StallLimits | None = None) -> None:
        self._packets = packets
        #: Sends one message of a channel; without a call of our own in between.
        self.send: Callable[..., None] = packets.send_message
        self._user: ConnectionUser | None = None
        self._channels: dict[int, ForwardedChannel] = {}  # limited by MAX_CHANNELS
        self._terminals: dict[int, Terminal] = {}  # limited by MAX_TERMINALS
        self.bytes_in = self.bytes_out = 0  #: data of forwarded connections, from the client and to it
        self._next = 0
        self._forwards = 0
        self._answers = 0  # bytes of answers since the connection is full; MAX_ANSWERS
        self._ready: deque[ForwardedChannel] = deque()  # one entry for each channel at most
        self._draining = False
        self._asked = False  # for a sign of life, and nothing came yet
        self._ended = False
        limits = limits or StallLimits()
        self.receivers, self.queues = Account(limits), Account(limits)
        self._loop = asyncio.get_running_loop()
        self.received_at = self._loop.time()  #: when bytes were received last, in loop time
        self._timer: asyncio.TimerHandle = check_after(ASK_AFTER, self._check_alive)

    def __repr__(self) -> str:
        return f"<SshConnection channels={len(self._channels)} terminals={len(self._terminals)}>"

    def serve(self, user: ConnectionUser) -> None:
        """Ask ``user`` about everything from now on; call it before anything is received."""
        self._user = user

    # For the program

    @property
    def open_channels(self) -> int:
        """Forwarded connections that are open now."""
        return len(self._channels)

    def open_channel(
        self, channel: ForwardedChannel, where: tuple[str, int], origin: tuple[str, int]
    ) -> None:
        """Ask the client for a connection; see :meth:`ForwardedChannel.open`. With too many open it is refused."""
        if self._ended or len(self._channels) >= MAX_CHANNELS:
            reason = "the connection has ended" if self._ended else f"{MAX_CHANNELS} channels are open"
            self._loop.call_soon(channel.refused, reason)
            return
        channel.number = self._new_number()
        self._channels[channel.number] = channel
        channel.open(where, origin)

    def ping(self) -> None:
        """Ask the client for a sign of life; :attr:`received_at` changes when it comes."""
        self._asked = True
        self._packets.send_message(_KEEP_ALIVE)

    def disconnect(self, reason: str) -> None:
        """Give the client ``reason`` and close the connection."""
        self._packets.end(reason)

    # For channels

    def may_write(self) -> bool:
        """Whether the connection takes data now."""
        return not (self._packets.full or self._draining or self._ended)

    def queue(self, channel: ForwardedChannel) -> None:
        """Let ``channel`` send when it is its turn."""
        if channel.in_turn:
            return
        channel.in_turn = True
        self._ready.append(channel)
        if not self._draining and not self._packets.full:
            self._draining = True
            self._loop.call_soon(self._drain)

    def forget(self, channel: ForwardedChannel) -> None:
        """``channel`` is closed in both directions."""
        self._channels.pop(channel.number, None)

    def info(self, key: str) -> Any:
        """A fact about the connection."""
        return self._packets.info(key)

    # For the transport protocol below

    def writable(self) -> None:
        """The connection takes data again."""
        self._answers = 0
        if self._ready and not self._draining:
            self._draining = True
            self._loop.call_soon(self._drain)

    def packet(self, packet: bytes, end: int) -> bool:
        """One packet: the length of its padding, a message, which ends at ``end``, and the padding. Returns whether the
        message belongs to the connection protocol. Raises :class:`RemoteProtocolError` for what ends the connection."""
        kind = packet[1]
        if kind > ssh.CHANNEL_OPEN and end >= 6:
            channel = self._channels.get(int.from_bytes(packet[2:6], "big"))
            if channel is not None and self._channel_packet(channel, kind, packet, end):
                return True
        handle = _HANDLERS.get(kind)
        if handle is None:
            return False
        handle(self, Fields(packet[:end], 2))
        return True

    def bytes_came(self) -> None:
        """Bytes were received."""
        self.received_at = self._loop.time()
        if self._asked and self._user is not None:
            self._asked = False
            self._user.alive()

    def ended(self, exc: Exception | None) -> None:
        """The transport has ended: end everything on it."""
        if self._ended:
            return
        self._ended = True
        self._timer.cancel()
        error = (
            exc if exc is None or isinstance(exc, FrpError) else Closed(f"the SSH connection ended: {exc}")
        )
        for channel in list(self._channels.values()):
            channel.connection_ended(error)
        self.receivers.close()
        self.queues.close()
        user, self._user = self._user, None
        if user is not None:
            user.ended(error)

    # Private: what the client sends

    def _channel_packet(self, channel: ForwardedChannel, kind: int, packet: bytes, end: int) -> bool:
        """The messages of forwarded connections that come for each of them; returns ``False`` for others, and for what
        ends in the middle of a field."""
        if kind == ssh.CHANNEL_DATA and end >= 10:
            size = int.from_bytes(packet[6:10], "big")
            stop = 10 + size
            if stop > end:
                return False
            self.bytes_in += size
            channel.receive(packet[10:stop] if size < _COPIED else memoryview(packet)[10:stop])
        elif kind == ssh.CHANNEL_EOF:
            channel.eof_seen()
        elif kind == ssh.CHANNEL_CLOSE:
            channel.close_seen()
        elif kind == ssh.CHANNEL_OPEN_CONFIRMATION and end >= 18:
            channel.opened(*_CONFIRMED.unpack_from(packet, 6))
        else:
            return False
        return True

    def _global_request(self, message: Fields) -> None:
        name, wants_reply = message.text(_MAX_NAME), message.boolean()
        answer: bytes | None = None
        if self._user is not None and name in ("tcpip-forward", "cancel-tcpip-forward"):
            answer = self._forward(name, (message.text(_MAX_NAME), message.uint32()))
        elif name == "keepalive@openssh.com":
            answer = b""
        if wants_reply:
            kind = ssh.REQUEST_FAILURE if answer is None else ssh.REQUEST_SUCCESS
            self._answer(bytes((kind,)) + (answer or b""))

    def _forward(self, name: str, where: tuple[str, int]) -> bytes | None:
        """The answer to an offer or to its end; ``None`` refuses."""
        assert self._user is not None
        if name == "cancel-tcpip-forward":
            found = self._user.forward_cancelled(where)
            self._forwards -= found
            return b"" if found else None
        if self._forwards >= MAX_FORWARDS or where[1] > 65535:
            return None
        port = self._user.forward_asked(where)
        if port is None:
            return None
        self._forwards += 1
        return b"" if where[1] else uint32(port)

    def _channel_open(self, message: Fields) -> None:
        kind, peer = message.text(_MAX_NAME), message.uint32()
        window, packet = message.uint32(), message.uint32()
        if kind != "session" or self._user is None or not packet:
            self._refuse(peer, ssh.PROHIBITED, "this server only takes ssh -R and a command")
        elif len(self._terminals) >= MAX_TERMINALS:
            self._refuse(peer, ssh.RESOURCE_SHORTAGE, f"at most {MAX_TERMINALS} sessions of one connection")
        else:
            number = self._new_number()
            terminal = Terminal(
                number, (peer, window, packet), self._user, self._answer, lambda: self._forget(number)
            )
            self._terminals[number] = terminal
            head = bytes((ssh.CHANNEL_OPEN_CONFIRMATION,)) + uint32(peer) + uint32(number)
            self._answer(head + uint32(TYPED_WINDOW) + uint32(TYPED_WINDOW))

    def _refuse(self, peer: int, code: int, reason: str) -> None:
        head = bytes((ssh.CHANNEL_OPEN_FAILURE,)) + uint32(peer) + uint32(code)
        self._answer(head + string(reason) + string(""))

    def _forget(self, number: int) -> None:
        self._terminals.pop(number, None)

    def _confirmed(self, message: Fields) -> None:
        """A confirmation that :meth:`_channel_packet` does not take."""
        self._channel(message)
        raise RemoteProtocolError(ssh.CUT_OFF)

    def _refused(self, message: Fields) -> None:
        channel = self._channel(message)
        message.uint32()
        channel.refused(message.text(ssh.MOST)[:_MAX_NAME])

    def _window_adjust(self, message: Fields) -> None:
        self._any_channel(message).add_window(message.uint32())

    def _data(self, message: Fields) -> None:
        self._any_channel(message).receive(message.string(ssh.MOST))

    def _extended_data(self, message: Fields) -> None:
        channel = self._any_channel(message)
        message.uint32()
        channel.receive(message.string(ssh.MOST))

    def _eof(self, message: Fields) -> None:
        """The EOF of a terminal, after which nothing comes."""
        self._any_channel(message)

    def _close(self, message: Fields) -> None:
        self._any_channel(message).close_seen()

    def _request(self, message: Fields) -> None:
        channel = self._any_channel(message)
        if isinstance(channel, Terminal):
            channel.request(message)
        else:
            message.text(_MAX_NAME)
            if message.boolean():
                channel.refuse_request()

    def _nothing(self, message: Fields) -> None:
        """An answer to a request of ours: its coming is all that counts."""

    def _channel(self, message: Fields) -> ForwardedChannel:
        number = message.uint32()
        channel = self._channels.get(number)
        if channel is None:
            raise RemoteProtocolError(f"SSH: channel {number} was not asked for")
        return channel

    def _any_channel(self, message: Fields) -> ForwardedChannel | Terminal:
        number = message.uint32()
        channel = self._channels.get(number) or self._terminals.get(number)
        if channel is None:
            raise RemoteProtocolError(f"SSH: channel {number} is not open")
        return channel

    def _new_number(self) -> int:
        """A channel number of our side that is not in use."""
        while self._next in self._channels or self._next in self._terminals:
            self._next = (self._next + 1) & ssh.MOST
        number, self._next = self._next, (self._next + 1) & ssh.MOST
        return number

    # Private: sending

    def _answer(self, *parts: Buffer) -> None:
        """Send an answer to the client; end a connection that lets too many of them wait."""
        if self._packets.full:
            self._answers += sum(map(len, parts))
            if self._answers > MAX_ANSWERS:
                raise RemoteProtocolError("SSH: the client does not read the answers to its requests")
        self._packets.send_message(*parts)

    def _drain(self) -> None:
        """Let queued channels send in turn while the connection takes data."""
        self._draining = False
        while self._ready and self.may_write():
            channel = self._ready.popleft()
            channel.in_turn = False
            if not channel.dead and channel.send_turn(QUANTUM) and not channel.in_turn:
                channel.in_turn = True
                self._ready.append(channel)

    def _check_alive(self, now: float) -> None:
        silent = now - self.received_at
        if silent >= DEAD_AFTER:
            self._packets.end("no sign of life")
            self.ended(Closed(f"the SSH client gave no sign of life for {silent:.0f} s"))
            return
        self.ping()
        rest = DEAD_AFTER - silent if silent >= ASK_AFTER else ASK_AFTER
        self._timer = check_at(now + min(rest, ASK_AFTER), self._check_alive)


_HANDLERS = {
    ssh.GLOBAL_REQUEST: SshConnection._global_request,
    ssh.REQUEST_SUCCESS: SshConnection._nothing,
    ssh.REQUEST_FAILURE: SshConnection._nothing,
    ssh.CHANNEL_OPEN: SshConnection._channel_open,
    ssh.CHANNEL_OPEN_CONFIRMATION: SshConnection._confirmed,
    ssh.CHANNEL_OPEN_FAILURE: SshConnection._refused,
    ssh.CHANNEL_WINDOW_ADJUST: SshConnection._window_adjust,
    ssh.CHANNEL_DATA: SshConnection._data,
    ssh.CHANNEL_EXTENDED_DATA: SshConnection._extended_data,
    ssh.CHANNEL_EOF: SshConnection._eof,
    ssh.CHANNEL_CLOSE: SshConnection._close,
    ssh.CHANNEL_REQUEST: SshConnection._request,
    ssh.CHANNEL_SUCCESS: SshConnection._nothing,
    ssh.CHANNEL_FAILURE: SshConnection._nothing,
}
