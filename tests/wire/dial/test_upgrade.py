"""The websocket handshake: the reference's bytes, its refusals, and answers that are none."""

from __future__ import annotations

import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.dial.upgrade import ClientUpgrade, ServerUpgrade, accept_value
from tests.wire.cuts import chunks
from tests.wire.vectors import FOLDER, load

KEY = "AAAAAAAAAAAAAAAAAAAAAA=="
FIELDS = {
    "Host": "a",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Origin": "http://a",
    "Sec-WebSocket-Version": "13",
}
AGREED = (
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {accept_value(KEY)}\r\n"
    "\r\n"
)
PLAIN = "Content-Type: text/plain; charset=utf-8\r\nConnection: close\r\n"


def recorded() -> tuple[bytes, bytes]:
    """Request and answer of two reference programs."""
    events = [event for event in load("session_websocket")["events"] if event["event"] == "data"]
    return bytes.fromhex(events[0]["hex"]), bytes.fromhex(events[1]["hex"])


def key_of(request: bytes) -> bytes:
    found = re.search(rb"Sec-WebSocket-Key: (.*)\r\n", request)
    assert found
    return base64.b64decode(found[1])


def dial_requests() -> list[str]:
    settings = json.loads((FOLDER.parent / "client-api" / "dial.json").read_text(encoding="utf-8"))
    return [item["sent_first"] for item in settings if "websocket" in item["setting"]]


def asked(target: str = "/~!frp", **changes: str | None) -> bytes:
    """A request with some fields changed, or left out for None."""
    fields = FIELDS | {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}\r\n" for name, value in fields.items() if value is not None]
    return f"GET {target} HTTP/1.1\r\n{''.join(lines)}\r\n".encode()


def judged(request: bytes) -> tuple[bool, str]:
    server = ServerUpgrade()
    assert server.receive_data(request) == b""
    answer = server.data_to_send().decode()
    assert server.data_to_send() == b""
    return server.accepted, answer


# The reference's bytes


def test_the_recorded_request_and_its_answer() -> None:
    request, answer = recorded()
    assert judged(request) == (True, answer.decode())
    client = ClientUpgrade("127.0.0.1:23032", key=key_of(request))
    assert client.data_to_send() == request
    assert client.receive_data(answer) == b""


def test_the_request_that_dialling_sends_first() -> None:
    (request,) = dial_requests()
    assert ClientUpgrade("127.0.0.1:21001", key=key_of(request.encode())).data_to_send().decode() == request


def test_both_sides_know_the_first_session_of_the_standard() -> None:
    assert accept_value("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 §1.3


@given(
    cuts=st.lists(st.integers(0, 400), max_size=6),
    early=st.binary(max_size=30),
    name=st.sampled_from(["A.b:1", "[::1]:7"]),
)
def test_our_two_sides_in_any_cuts(cuts: list[int], early: bytes, name: str) -> None:
    client, server = ClientUpgrade(name), ServerUpgrade()
    for side, sender in ((server, client), (client, server)):
        wire = sender.data_to_send() + early
        rest = None
        for chunk in chunks(wire, cuts):
            rest = side.receive_data(chunk) if rest is None else rest + chunk
        assert rest == early
    assert server.accepted


def test_keys_are_not_the_same_twice() -> None:
    assert ClientUpgrade("a").data_to_send() != ClientUpgrade("a").data_to_send()


def test_host_and_origin() -> None:
    request = ClientUpgrade("[FE80::1%eth0]:7000").data_to_send()
    assert b"Host: [FE80::1]:7000\r\n" in request
    assert b"Origin: http://[fe80::1]:7000\r\n" in request


# What the server answers; the texts are the reference's


@pytest.mark.parametrize(
    "request_head",
    [
        asked(),
        asked("/~!frp?x=1"),
        asked(Origin="/x"),
        asked(Origin="app:x"),
        asked(Connection="keep-alive, Upgrade"),
        asked(Upgrade="WebSocket"),
        asked(Sec_WebSocket_Extensions="permessage-deflate"),
    ],
)
def test_accepted(request_head: bytes) -> None:
    assert judged(request_head) == (True, AGREED)


def test_one_protocol_is_agreed_to() -> None:
    accepted, answer = judged(asked(Sec_WebSocket_Protocol="a"))
    assert accepted
    assert answer == AGREED[:-2] + "Sec-WebSocket-Protocol: a\r\n\r\n"


@pytest.mark.parametrize(
    ("request_head", "answer"),
    [
        (
            asked("/~!frpx"),
            f"HTTP/1.1 404 Not Found\r\n{PLAIN}Content-Length: 19\r\n\r\n404 page not found\n",
        ),
        (
            asked("/~!frp/"),
            f"HTTP/1.1 404 Not Found\r\n{PLAIN}Content-Length: 19\r\n\r\n404 page not found\n",
        ),
        (asked(Upgrade=None), "HTTP/1.1 400 Bad Request\r\n\r\nnot websocket protocol"),
        (asked(Connection="close"), "HTTP/1.1 400 Bad Request\r\n\r\nnot websocket protocol"),
        (asked(Sec_WebSocket_Key=None), "HTTP/1.1 400 Bad Request\r\n\r\nmismatch challenge/response"),
        (
            asked(Sec_WebSocket_Version="12"),
            "HTTP/1.1 400 Bad Request\r\nSec-WebSocket-Version: 13\r\n\r\nmissing or bad WebSocket Version",
        ),
        (asked(Origin=None), "HTTP/1.1 403 Forbidden\r\n\r\n"),
        (asked(Origin="null"), "HTTP/1.1 403 Forbidden\r\n\r\n"),
        (asked(Origin="http://a b"), "HTTP/1.1 403 Forbidden\r\n\r\n"),
        (asked(Sec_WebSocket_Protocol="a, b"), "HTTP/1.1 400 Bad Request\r\n\r\n"),
        (
            asked(Host=None),
            f"HTTP/1.1 400 Bad Request: missing required Host header\r\n{PLAIN}\r\n"
            "400 Bad Request: missing required Host header",
        ),
        (asked().replace(b"Host:", b"Host"), f"HTTP/1.1 400 Bad Request\r\n{PLAIN}\r\n400 Bad Request"),
        (
            asked(X="a" * 9000),
            f"HTTP/1.1 431 Request Header Fields Too Large\r\n{PLAIN}\r\n431 Request Header Fields Too Large",
        ),
    ],
)
def test_refused(request_head: bytes, answer: str) -> None:
    assert judged(request_head) == (False, answer)


# What the client takes


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (AGREED.replace("101 Switching Protocols", "200 OK"), "bad status: the server answered 200 OK"),
        (AGREED.replace("websocket", "h2c"), "missing or bad upgrade"),
        (AGREED.replace("Connection: Upgrade", "Connection: keep-alive, Upgrade"), "missing or bad upgrade"),
        (AGREED.replace(accept_value(KEY), accept_value("other")), "mismatch challenge/response"),
        (AGREED.replace("Sec-WebSocket-Accept", "X"), "mismatch challenge/response"),
        (AGREED[:-2] + "Sec-WebSocket-Extensions: x\r\n\r\n", "unsupported extensions"),
        (AGREED[:-2] + "Sec-WebSocket-Protocol: x\r\n\r\n", "missing or bad WebSocket-Protocol"),
        ("HTTP/1.1 101\r\nno field\r\n\r\n", "malformed HTTP head"),
        ("SSH-2.0-OpenSSH" * 600, "malformed HTTP head"),
        ("HTTP/1.1 200 " + "x" * 9000, "no end of the HTTP head"),
    ],
)
def test_answers_that_open_no_websocket(answer: str, error: str) -> None:
    client = ClientUpgrade("a", key=base64.b64decode(KEY))
    with pytest.raises(RemoteProtocolError, match=error):
        client.receive_data(answer.encode())


def test_fields_in_other_letters_are_the_same() -> None:
    client = ClientUpgrade("a", key=base64.b64decode(KEY))
    answer = AGREED.replace("Upgrade: websocket", "UPGRADE: WebSocket").replace(
        "Connection: U", "connection: u"
    )
    assert client.receive_data(answer.encode() + b"early") == b"early"
