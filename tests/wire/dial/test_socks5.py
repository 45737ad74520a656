"""SOCKS 5, the client's side: recorded exchanges, every reply in any cuts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.dial.socks5 import Socks5Connect
from tests.wire.cuts import chunks
from tests.wire.vectors import FOLDER

DIAL = json.loads((FOLDER.parent / "client-api" / "dial.json").read_text(encoding="utf-8"))
EXCHANGES = [case for case in DIAL if "exchange_hex" in case]
NAME, PORT = "frps.example.com", 7000
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
