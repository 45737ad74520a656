"""SOCKS 5, both sides: recorded exchanges, every reply and every request in any cuts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.socks5 import Socks5Accept, Socks5Connect, Socks5Refused, SocksReply, encode_reply
from tests.wire.cuts import chunks
from tests.wire.vectors import FOLDER

DIAL = json.loads((FOLDER.parent / "client-api" / "dial.json").read_text(encoding="utf-8"))
EXCHANGES = [case for case in DIAL if "exchange_hex" in case]
NAME, PORT = "frps.example.com", 7000
SERVED = json.loads((FOLDER.parent / "client-api" / "plugins-socks5.json").read_text(encoding="utf-8"))
OK = b"\5\0\0\1\0\0\0\0\0\0"


@pytest.mark.parametrize("case", EXCHANGES, ids=lambda case: case["setting"])
def test_recorded(case: dict[str, Any]) -> None:
    socks = Socks5Connect(NAME, PORT, ("us", "pw") if "us:pw" in case["setting"] else None)
    rest = None
    for line in case["exchange_hex"]:
        direction, data = line[0], bytes.fromhex(line[2:])
        if direction == ">":
            assert socks.data_to_send() == data
        else:
            assert rest is None
            rest = socks.receive_data(data)
    assert rest == b""
    assert socks.data_to_send() == b""


@given(
    reply=st.sampled_from([OK, b"\5\0\0\4" + bytes(18), b"\5\0\0\3\4name\0\1", b"\5\0\0\3\0\0\1"]),
    rest=st.binary(max_size=20),
    cuts=st.lists(st.integers(0, 60), max_size=5),
    login=st.booleans(),
)
def test_any_cuts(reply: bytes, rest: bytes, cuts: list[int], login: bool) -> None:
    socks = Socks5Connect("192.0.2.1", 80, ("u", "p") if login else None)
    wire = (b"\5\2\1\0" if login else b"\5\0") + reply + rest
    left = None
    for chunk in chunks(wire, cuts):
        left = socks.receive_data(chunk) if left is None else left + chunk
    assert left == rest


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", b"\1\xc0\0\2\1"),
        ("2001:db8::1", b"\4\x20\x01\x0d\xb8" + bytes(11) + b"\1"),
        ("a.b", b"\3\3a.b"),
        ("bücher.example", b"\3\x15xn--bcher-kva.example"),
    ],
)
def test_how_the_host_is_named(host: str, address: bytes) -> None:
    socks = Socks5Connect(host, 80)
    assert socks.data_to_send() == b"\5\1\0"
    assert socks.receive_data(b"\5\0") is None
    assert socks.data_to_send() == b"\5\1\0" + address + b"\0\x50"


def test_a_proxy_that_wants_no_login() -> None:
    socks = Socks5Connect("a", 1, ("u", "p"))
    assert socks.receive_data(b"\5\0" + OK) == b""


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (b"\4\0", "unexpected protocol version 4"),
        (b"HT", "unexpected protocol version 72"),
        (b"\5\xff", "no acceptable authentication methods"),
        (b"\5\1", "unsupported authentication method 1"),
        (b"\5\2\2\0", "invalid username/password version"),
        (b"\5\2\1\1", "username/password authentication failed"),
        (b"\5\0\4\0", "unexpected protocol version 4"),
        (b"\5\0\5\1", "unknown error general SOCKS server failure"),
        (b"\5\0\5\5", "unknown error connection refused"),
        (b"\5\0\5\x09", "unknown error unknown code: 9"),
        (b"\5\0\5\0\0\2", "unknown address type 2"),
    ],
)
def test_refusals(reply: bytes, error: str) -> None:
    for cuts in ([], list(range(len(reply)))):
        socks = Socks5Connect("a", 1, ("u", "p"))
        with pytest.raises(RemoteProtocolError, match=f"^{error}$"):
            any(socks.receive_data(chunk) for chunk in chunks(reply, cuts))


def test_a_login_the_proxy_did_not_get() -> None:
    """Without a login its method is not offered."""
    with pytest.raises(RemoteProtocolError, match="unsupported authentication method 2"):
        Socks5Connect("a", 1).receive_data(b"\5\2")


@pytest.mark.parametrize(
    ("host", "login"), [("a" * 256, None), ("a", ("u" * 256, "p")), ("a", ("u", "ü" * 128))]
)
def test_what_is_too_long(host: str, login: tuple[str, str] | None) -> None:
    with pytest.raises(ValueError, match="too long"):
        Socks5Connect(host, 1, login)


# The server's side


class Server:
    """The server side with what it sent; ``left`` is what came for the host, once one was asked for."""

    def __init__(self, login: tuple[str, str] | None = None) -> None:
        self.conversation = Socks5Accept(login)
        self.sent = b""
        self.left: bytes | None = None
        self.refused: Socks5Refused | None = None

    def feed(self, data: bytes | memoryview) -> None:
        if self.refused is not None:
            return
        if self.left is not None:
            self.left += data
            return
        try:
            self.left = self.conversation.receive_data(data)
        except Socks5Refused as exc:
            self.refused = exc
        self.sent += self.conversation.data_to_send()
        self.sent += self.refused.answer if self.refused else b""

    @property
    def target(self) -> tuple[str, int]:
        return self.conversation.host, self.conversation.port


def login_of(case: dict[str, Any]) -> tuple[str, str] | None:
    return ("u", "p") if "credentials" in case["label"] else None


@pytest.mark.parametrize("case", SERVED["socks5"], ids=lambda case: case["label"])
def test_recorded_users(case: dict[str, Any]) -> None:
    """The reference's answers, to the byte; those that say how a dial went are the plugin's."""
    sent, received = (
        [bytes.fromhex(part) for part in case[key] if part != "closed"]
        for key in ("sent_hex", "received_hex")
    )
    dialled = {"credentials ok, connect", "connection refused", "domain name", "unresolvable name"}
    if case["label"] in dialled:
        received.pop()
    for turns in (sent, [b"".join(sent)], [bytes((byte,)) for byte in b"".join(sent)]):
        server = Server(login_of(case))
        for number, data in enumerate(turns):
            server.feed(data)
            if turns is sent:
                assert server.sent == b"".join(received[: number + 1])
        assert server.sent == b"".join(received)
        assert (server.left == b"") == (case["label"] in dialled)
        assert (server.refused is not None) == (case["label"] not in dialled)


@given(
    request=st.sampled_from(
        [
            (b"\1\x7f\0\0\1\0\x50", ("127.0.0.1", 80)),
            (b"\4" + bytes(15) + b"\1\xff\xff", ("::1", 65535)),
            (b"\4" + bytes(10) + b"\xff\xff\x7f\0\0\1\0\1", ("127.0.0.1", 1)),
            (b"\3\4name\0\0", ("name", 0)),
            (b"\3\6b\xc3\xbc.de\0\1", ("bü.de", 1)),
            (b"\3\xff" + b"n" * 255 + b"\1\0", ("n" * 255, 256)),
        ]
    ),
    login=st.sampled_from([None, ("u", "p"), ("", "p"), ("ü" * 127, "p" * 255)]),
    rest=st.binary(max_size=20),
    cuts=st.lists(st.integers(0, 800), max_size=5),
)
def test_users_in_any_cuts(
    request: tuple[bytes, tuple[str, int]], login: tuple[str, str] | None, rest: bytes, cuts: list[int]
) -> None:
    address, target = request
    methods = b"\5\3\1\2\0"
    login_part = b""
    if login is not None:
        user, password = (part.encode() for part in login)
        login_part = b"\1" + bytes((len(user),)) + user + bytes((len(password),)) + password
    server = Server(login)
    for chunk in chunks(methods + login_part + b"\5\1\0" + address + rest, cuts):
        server.feed(chunk)
    assert server.refused is None
    assert (server.target, server.left) == (target, rest)
    assert server.sent == (b"\5\2\1\0" if login else b"\5\0")


@given(
    host=st.sampled_from(["192.0.2.1", "2001:db8::1", "a.b"]),
    port=st.integers(0, 65535),
    login=st.sampled_from([None, ("user", "pass"), ("", "")]),
    failure=st.sampled_from(list(SocksReply)),
)
def test_our_client_and_our_server(
    host: str, port: int, login: tuple[str, str] | None, failure: SocksReply
) -> None:
    client, server = Socks5Connect(host, port, login), Socks5Accept(login)
    while (left := server.receive_data(client.data_to_send())) is None:
        assert client.receive_data(server.data_to_send()) is None
    assert (server.host, server.port, left) == (host, port, b"")
    if failure:
        with pytest.raises(RemoteProtocolError, match=r"unknown error [a-zA-Z ]+$"):
            client.receive_data(server.data_to_send() + encode_reply(failure))
    else:
        assert (
            client.receive_data(server.data_to_send() + encode_reply(failure, host, port) + b"rest")
            == b"rest"
        )


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"\5\0", b"\5\xff"),
        (b"\5\2\1\2", b"\5\xff"),
        (b"GET / HTTP/1.1", b""),
        (b"\5\1\0\4\1\0\1", b"\5\0"),
        (b"\5\1\0\5\1\0\2", b"\5\0\5\x08\0\1" + bytes(6)),
        (b"\5\1\0\5\1\0\3\0\0\1", b"\5\0\5\4\0\1" + bytes(6)),
        (b"\5\1\0\5\1\0\3\3a\0b\0\1", b"\5\0\5\4\0\1" + bytes(6)),
        (b"\5\1\0\5\1\0\3\3a\nb\0\1", b"\5\0\5\4\0\1" + bytes(6)),
        (b"\5\1\0\5\1\0\3\1\xff\0\1", b"\5\0\5\4\0\1" + bytes(6)),
    ],
)
def test_users_that_are_refused(sent: bytes, answer: bytes) -> None:
    for cuts in ([], list(range(len(sent)))):
        server = Server()
        for chunk in chunks(sent, cuts):
            server.feed(chunk)
        assert server.refused is not None
        assert server.sent == answer
        assert not server.refused.wrong_login


@pytest.mark.parametrize("given", [("u", "x"), ("x", "p"), ("", ""), ("u", ""), ("u", "pp"), ("U", "p")])
def test_wrong_logins(given: tuple[str, str]) -> None:
    user, password = (part.encode() for part in given)
    server = Server(("u", "p"))
    server.feed(b"\5\1\2\1" + bytes((len(user),)) + user + bytes((len(password),)) + password)
    assert server.refused is not None
    assert (server.sent, server.refused.wrong_login) == (b"\5\2\1\1", True)
    assert "p" not in str(server.refused).replace("password", "")


def test_a_login_of_another_version() -> None:
    server = Server(("u", "p"))
    server.feed(b"\5\1\2\2")
    assert server.refused is not None
    assert (server.sent, server.refused.wrong_login) == (b"\5\2", False)
