"""A session channel: its command, what it shows, its exit status."""

from __future__ import annotations

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.server.ssh.protocol.fields import (
    CHANNEL_CLOSE,
    CHANNEL_DATA,
    CHANNEL_EOF,
    CHANNEL_FAILURE,
    CHANNEL_REQUEST,
    CHANNEL_SUCCESS,
    Fields,
    string,
    uint32,
)
from aiofrp.server.ssh.protocol.terminal import MAX_COMMAND, TYPED_WINDOW, Terminal
from aiofrp.stream.base import Buffer


class User:
    """Keeps what it is called with; also what the terminal sends."""

    def __init__(self, window: int = 10_000) -> None:
        self.calls: list[str] = []
        self.sent: list[bytes] = []
        self.terminal = Terminal(1, (7, window, 100), self, self.send, lambda: self.calls.append("forget"))

    def send(self, *parts: Buffer) -> None:
        self.sent.append(b"".join(parts))

    def command(self, terminal: Terminal, text: str) -> None:
        self.calls.append(f"command {text}")

    def interrupted(self, terminal: Terminal) -> None:
        self.calls.append("interrupted")

    def terminal_closed(self, terminal: Terminal) -> None:
        self.calls.append("closed")

    def request(self, name: str, rest: bytes = b"", wants_reply: bool = True) -> None:
        self.terminal.request(Fields(string(name) + bytes([wants_reply]) + rest, 0))

    @property
    def kinds(self) -> list[int]:
        kinds = [message[0] for message in self.sent]
        self.sent.clear()
        return kinds

    @property
    def shown(self) -> str:
        return b"".join(message[9:] for message in self.sent if message[0] == CHANNEL_DATA).decode()


def test_the_first_command_counts() -> None:
    user = User()
    user.request("env", string("LANG") + string("C"))
    user.request("exec", string("tcp -r 1"), wants_reply=False)
    user.request("exec", string("tcp -r 2"))
    user.request("shell")
    user.request("subsystem", string("sftp"))
    assert user.calls == ["command tcp -r 1"]
    assert user.kinds == [CHANNEL_SUCCESS, *[CHANNEL_FAILURE] * 3]


def test_a_shell_is_a_command_without_text() -> None:
    user = User()
    user.request("pty-req", string("xterm"))
    user.request("shell")
    assert user.calls == ["command "]


@pytest.mark.parametrize(
    "rest", [b"", b"\0\0", uint32(100) + b"short", uint32(0xFFFFFFFF), string(bytes(MAX_COMMAND + 1))]
)
def test_a_malformed_command_is_refused(rest: bytes) -> None:
    user = User()
    with pytest.raises(RemoteProtocolError):
        user.request("exec", rest)
    assert not user.calls


def test_text_waits_for_the_window() -> None:
    user = User(window=4)
    user.terminal.show("hello")
    assert user.shown == "hell"
    assert not user.terminal.show_status("x")
    user.terminal.add_window(100)
    assert user.shown == "hello\n"
    with pytest.raises(RemoteProtocolError, match="overflows"):
        user.terminal.add_window(0xFFFFFFFF)


def test_long_text_is_cut_to_packets() -> None:
    user = User()
    user.terminal.show("x" * 250)
    assert [len(message) for message in user.sent] == [109, 109, 60]


def test_a_terminal_gets_carriage_returns_and_a_changing_line() -> None:
    user = User()
    assert not user.terminal.show_status("no terminal")
    user.request("pty-req", string("xterm"), wants_reply=False)
    user.terminal.show("a\nb")
    assert user.terminal.show_status("1")
    assert user.shown == "a\r\nb\r\n\r\x1b[K1"


def test_interrupts_count_on_a_terminal_only() -> None:
    user = User()
    user.terminal.receive(b"\x03")
    assert not user.calls
    user.terminal.raw = True
    user.terminal.receive(b"q")
    user.terminal.receive(b"abc\x03")
    user.terminal.receive(b"\x04")
    assert user.calls == ["interrupted", "interrupted"]


def test_typing_has_a_window_that_comes_back() -> None:
    user = User()
    for _ in range(10):
        user.terminal.receive(bytes(TYPED_WINDOW // 2))
    assert len(user.kinds) == 5
    with pytest.raises(RemoteProtocolError, match="more is typed"):
        user.terminal.receive(bytes(2 * TYPED_WINDOW))


def test_the_exit_status_comes_last() -> None:
    user = User()
    user.terminal.exit(3)
    user.terminal.exit(4)
    user.terminal.show("late")
    assert user.sent[0] == bytes([CHANNEL_REQUEST]) + uint32(7) + string("exit-status") + b"\0" + uint32(3)
    assert user.kinds == [CHANNEL_REQUEST, CHANNEL_EOF, CHANNEL_CLOSE]
    user.request("exec", string("x"))
    user.terminal.close_seen()
    assert user.calls == ["forget"]
    assert not user.kinds


def test_a_client_may_close_first() -> None:
    user = User()
    user.terminal.close_seen()
    user.terminal.exit(0)
    assert user.calls == ["closed", "forget"]
    assert user.kinds == [CHANNEL_CLOSE]
