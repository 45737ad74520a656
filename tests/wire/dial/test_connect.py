"""CONNECT through HTTP proxies: the reference's bytes, answers in any cuts."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.dial.connect import HttpConnect
from aiofrp.wire.dial.ntlm import NtlmConnect
from tests.wire.cuts import chunks
from tests.wire.vectors import FOLDER

DIAL = json.loads((FOLDER.parent / "client-api" / "dial.json").read_text(encoding="utf-8"))
TARGET = "frps.example.com:7000"


def recorded(setting: str) -> dict[str, str]:
    found: dict[str, str]
    (found,) = [case for case in DIAL if case["setting"].startswith(f"transport.proxyURL = {setting}")]
    return found


def test_requests_are_the_references() -> None:
    asked: dict[str, HttpConnect | NtlmConnect] = {
        "http://us:pw@": HttpConnect(TARGET, ("us", "pw")),
        "http://PROXY": HttpConnect(TARGET),
        "ntlm": NtlmConnect(TARGET, ("DOM\\us", "pw")),
    }
    for setting, connect in asked.items():
        sent = connect.data_to_send().decode()
        assert without_token(sent) == without_token(recorded(setting)["sent_first"])
        assert connect.data_to_send() == b""


def without_token(request: str) -> str:
    """A request without what follows the kind of an NTLM message: that is a library's."""
    return re.sub(r"(?<=Negotiate TlRMTVNTUAAB)[\w+/=]+", "", request)


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
