"""The session channel of a client: its command, its terminal, the text it shows and its exit status (RFC 4254 §6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aiofrp.errors import RemoteProtocolError
from aiofrp.server.ssh.protocol.fields import (
    CHANNEL_CLOSE,
    CHANNEL_DATA,
    CHANNEL_EOF,
    CHANNEL_FAILURE,
    CHANNEL_REQUEST,
    CHANNEL_SUCCESS,
    MOST,
    Fields,
    string,
    uint32,
)
from aiofrp.stream.base import Buffer

#: Bytes of a command, and of any other text of a request.
MAX_COMMAND, MAX_TEXT = 16 * 1024, 4096
#: Bytes a client may type; only an interrupt among them is used.
TYPED_WINDOW = 64 * 1024
#: What a terminal in raw mode sends for Ctrl+C and Ctrl+D.
_INTERRUPTS = (3, 4)


class TerminalUser(Protocol):
    """Who decides what happens on a session channel."""

    def command(self, terminal: Terminal, text: str) -> None:
        """The client wants ``text`` executed; empty: it wants a shell."""

    def interrupted(self, terminal: Terminal) -> None:
        """The user of a terminal typed Ctrl+C or Ctrl+D."""

    def terminal_closed(self, terminal: Terminal) -> None:
        """The client closed the channel."""


class Terminal:
    """One session channel. ``send`` sends one message."""

    __slots__ = (
        "_asked",
        "_forget",
        "_packet",
        "_peer",
        "_receive_window",
        "_send",
        "_user",
        "_waiting",
        "_window",
        "closed",
        "number",
        "raw",
    )

    def __init__(
        self,
        number: int,
        peer: tuple[int, int, int],
        user: TerminalUser,
        send: Callable[..., None],
        forget: Callable[[], None],
    ) -> None:
        """``peer``: the client's number of the channel, its window and its longest packet. ``forget`` is called when
        both sides have closed the channel."""
        self.number = number
        self.raw = (
            False  #: the client's terminal is in raw mode: lines end with CR LF, interrupts come as bytes
        )
        self._peer = uint32(peer[0])
        self._window = peer[1]
        self._packet = min(peer[2], MAX_TEXT)
        self._user = user
        self._send = send
        self._forget = forget
        self._asked = False  # for a command or a shell
        self.closed = False  #: by one side or both
        self._receive_window = TYPED_WINDOW
        self._waiting = b""  # text that the window does not allow; limited by what one command prints

    # Showing

    def show(self, text: str) -> None:
        """Print ``text`` and a line end."""
        self._write(f"{text}\n")

    def show_status(self, text: str) -> bool:
        """Replace the last line of a terminal by ``text``; returns whether that was possible: it is no terminal, or it
        takes nothing now."""
        if not self.raw or self._waiting or self.closed:
            return False
        self._write(f"\r\x1b[K{text}")
        return True

    def exit(self, status: int) -> None:
        """Send the exit status and close; text that the client did not take is dropped."""
        if not self.closed:
            self.closed = True
            head = bytes((CHANNEL_REQUEST,)) + self._peer
            self._send(head + string("exit-status") + b"\0" + uint32(status))
            self._send(bytes((CHANNEL_EOF,)), self._peer)
            self._send(bytes((CHANNEL_CLOSE,)), self._peer)

    # For the connection: receiving

    def request(self, fields: Fields) -> None:
        """A request of the client, from its name on."""
        name, wants_reply = fields.text(MAX_TEXT), fields.boolean()
        good = not self.closed and self._granted(name, fields)
        if wants_reply and not self.closed:
            self._send(bytes((CHANNEL_SUCCESS if good else CHANNEL_FAILURE,)), self._peer)
        if good and name in ("exec", "shell"):
            self._asked = True
            self._user.command(self, fields.text(MAX_COMMAND) if name == "exec" else "")

    def receive(self, payload: Buffer) -> None:
        """What the user types."""
        self._receive_window -= len(payload)
        if self._receive_window < 0:
            raise RemoteProtocolError("SSH: more is typed than the window allows")
        if self._receive_window < TYPED_WINDOW // 2 and not self.closed:
            self._send(bytes((93,)), self._peer, uint32(TYPED_WINDOW - self._receive_window))
            self._receive_window = TYPED_WINDOW
        if self.raw and any(byte in _INTERRUPTS for byte in payload):
            self._user.interrupted(self)

    def add_window(self, credit: int) -> None:
        """The client takes ``credit`` bytes more."""
        self._window += credit
        if self._window > MOST:
            raise RemoteProtocolError("SSH: the window of a session overflows")
        waiting, self._waiting = self._waiting, b""
        self._write_bytes(waiting)

    def close_seen(self) -> None:
        """The client closed the channel."""
        if not self.closed:
            self.closed = True
            self._send(bytes((CHANNEL_CLOSE,)), self._peer)
            self._user.terminal_closed(self)
        self._forget()

    # Private

    def _granted(self, name: str, fields: Fields) -> bool:
        if name == "pty-req":
            self.raw = True
            return True
        if name in ("exec", "shell"):
            return not self._asked
        return name in ("env", "window-change", "signal")

    def _write(self, text: str) -> None:
        if self.raw:
            text = text.replace("\n", "\r\n")
        self._write_bytes(text.encode("utf-8", "replace"))

    def _write_bytes(self, data: bytes) -> None:
        if self.closed:
            return
        data, at = self._waiting + data, 0
        while at < len(data) and self._window:
            piece = data[at : at + min(self._packet, self._window)]
            self._window -= len(piece)
            at += len(piece)
            self._send(bytes((CHANNEL_DATA,)) + self._peer, string(piece))
        self._waiting = data[at:]
