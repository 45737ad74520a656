"""CONNECT through HTTP proxies: the reference's bytes, answers in any cuts, NTLM's two rounds."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.connect import HttpConnect, NtlmConnect
from aiofrp.wire.ntlm import NEGOTIATE
from tests.wire.cuts import chunks
from tests.wire.vectors import FOLDER

DIAL = json.loads((FOLDER.parent / "client-api" / "dial.json").read_text(encoding="utf-8"))
CHALLENGE = json.loads((FOLDER.parent / "client-api" / "ntlm.json").read_text(encoding="utf-8"))[0][
    "challenge"
]
OFFER = "Negotiate " + base64.b64encode(bytes.fromhex(CHALLENGE)).decode()
TARGET = "frps.example.com:7000"


def recorded(setting: str) -> dict[str, str]:
    found: dict[str, str]
    (found,) = [case for case in DIAL if case["setting"].startswith(f"transport.proxyURL = {setting}")]
    return found


def challenged(body: bytes = b"", fields: str = "") -> bytes:
    head = f"HTTP/1.1 407 Who\r\nProxy-Authenticate: {OFFER}\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    return head.encode() + body


def test_requests_are_the_references() -> None:
    asked: dict[str, HttpConnect | NtlmConnect] = {
        "http://us:pw@": HttpConnect(TARGET, ("us", "pw")),
        "http://PROXY": HttpConnect(TARGET),
        "ntlm": NtlmConnect(TARGET, ("DOM\\us", "pw")),
    }
    for setting, connect in asked.items():
        assert connect.data_to_send().decode() == recorded(setting)["sent_first"]
        assert connect.data_to_send() == b""


@given(rest=st.binary(max_size=30), cuts=st.lists(st.integers(0, 80), max_size=5), ntlm=st.booleans())
def test_success_in_any_cuts(rest: bytes, cuts: list[int], ntlm: bool) -> None:
    connect = NtlmConnect(TARGET) if ntlm else HttpConnect(TARGET, ("u", "p"))
    left = None
    for chunk in chunks(b"HTTP/1.1 200 Connection established\r\nVia: x\r\n\r\n" + rest, cuts):
        left = connect.receive_data(chunk) if left is None else left + chunk
    assert left == rest


@pytest.mark.parametrize("status", [101, 201, 302, 403, 407, 502])
def test_any_other_status_is_a_failure(status: int) -> None:
    answer = f"HTTP/1.1 {status} x\r\n\r\n".encode()
    with pytest.raises(RemoteProtocolError, match=rf"^DialTcpByHttpProxy error, StatusCode \[{status}\]$"):
        HttpConnect(TARGET).receive_data(answer)
    with pytest.raises(
        RemoteProtocolError, match=rf"^DialTcpByNTLMHttpProxy error, StatusCode \[{status}\]$"
    ):
        NtlmConnect(TARGET, ("u", "p")).receive_data(answer)
    assert recorded("http://PROXY, answer 403")["error"] == "DialTcpByHttpProxy error, StatusCode [403]"


def test_what_is_no_answer() -> None:
    with pytest.raises(RemoteProtocolError, match="malformed HTTP head"):
        HttpConnect(TARGET).receive_data(b"SSH-2.0-x\r\n\r\n")


# NTLM's second round


@given(body=st.binary(max_size=50), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_a_challenge_is_answered_after_its_page(body: bytes, cuts: list[int]) -> None:
    connect = NtlmConnect(TARGET, ("DOM\\us", "pw"))
    assert base64.b64encode(NEGOTIATE) in connect.data_to_send()
    second = b""
    for chunk in chunks(challenged(body), cuts):
        assert second == b"" or not chunk
        assert connect.receive_data(chunk) is None
        second += connect.data_to_send()
    token = base64.b64decode(second.partition(b"Proxy-Authorization: Negotiate ")[2])
    assert token[:12] == b"NTLMSSP\0\3\0\0\0"
    assert "us".encode("utf-16-le") in token
    assert connect.receive_data(b"HTTP/1.1 200 OK\r\n\r\nrest") == b"rest"


def test_one_offer_of_several() -> None:
    connect = NtlmConnect(TARGET, ("u", "p"))
    connect.data_to_send()
    assert connect.receive_data(challenged().replace(b"Negotiate", b"Basic realm=x, Negotiate")) is None
    assert b"Negotiate TlRMTVNTUAAD" in connect.data_to_send()


@pytest.mark.parametrize(
    ("connect", "answers", "error"),
    [
        (NtlmConnect(TARGET, ("u", "p")), [challenged(), challenged()], "StatusCode \\[407\\]"),
        (NtlmConnect(TARGET), [challenged()], "StatusCode \\[407\\]"),
        (
            NtlmConnect(TARGET, ("u", "p")),
            [b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\n"],
            "StatusCode",
        ),
        (NtlmConnect(TARGET, ("u", "p")), [challenged().replace(b"TlRM", b"!!!!")], "no base64"),
        (NtlmConnect(TARGET, ("u", "p")), [challenged().replace(b"TlRM", b"\xff\xff\xff\xff")], "no base64"),
        (
            NtlmConnect(TARGET, ("u", "p")),
            [challenged().replace(b"Length: 0", b"Length: " + b"0" * 5000)],
            "longer than 1 MiB",
        ),
        (NtlmConnect(TARGET, ("u", "p")), [challenged().replace(b"TlRM", b"AAAA")], "no challenge"),
        (
            NtlmConnect(TARGET, ("u", "p")),
            [challenged(fields="X: y\r\n").replace(b": 0", b": 2000000")],
            "1 MiB",
        ),
        (
            NtlmConnect(TARGET, ("u", "p")),
            [challenged().replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")],
            "in chunks",
        ),
    ],
)
def test_a_second_round_that_fails(connect: NtlmConnect, answers: list[bytes], error: str) -> None:
    with pytest.raises(RemoteProtocolError, match=error):
        any(connect.receive_data(answer) for answer in answers)
