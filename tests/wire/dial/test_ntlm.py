"""NTLM: a strict proxy accepts our answers as it does the reference's; challenges that cannot be answered."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.dial.ntlm import NtlmConnect, NtlmLogin
from tests.support.ntlm import judge, md4
from tests.wire.cuts import chunks
from tests.wire.vectors import FOLDER

#: What the reference answered to challenges, recorded.
RECORDED = json.loads((FOLDER.parent / "client-api" / "ntlm.json").read_text(encoding="utf-8"))
CHALLENGE = bytes.fromhex(RECORDED[0]["challenge"])
#: The reference's first message, which is always the same.
NEGOTIATE = base64.b64decode("TlRMTVNTUAABAAAAAYKIoAAAAAAoAAAAAAAAACgAAAAGAbEdAAAADw==")

OFFER = "Negotiate " + base64.b64encode(CHALLENGE).decode()
TARGET = "frps.example.com:7000"


def authenticate(challenge: bytes, username: str, password: str) -> tuple[bytes, bytes]:
    """Both messages of a login."""
    login = NtlmLogin(username, password)
    return login.negotiate(), login.authenticate(challenge)


# The messages


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["username"])
def test_who_accepts_the_reference_accepts_us(case: dict[str, Any]) -> None:
    challenge = bytes.fromhex(case["challenge"])
    known = judge(NEGOTIATE, challenge, bytes.fromhex(case["authenticate"]), case["password"])
    negotiate, answer = authenticate(challenge, case["username"], case["password"])
    ours = judge(negotiate, challenge, answer, case["password"])
    assert (ours.domain, ours.user) == (known.domain, known.user)
    assert known.attributes.items() <= ours.attributes.items()
    assert ours.has_mic == (7 in known.attributes)  # where the proxy told its time


@pytest.mark.parametrize("wanted", [0x40000000, 0x40000010, 0x40000030])
def test_a_proxy_may_exchange_keys(wanted: int) -> None:
    challenge = bytes.fromhex(RECORDED[2]["challenge"])
    (before,) = struct.unpack_from("<I", challenge, 20)
    challenge = challenge[:20] + (before | wanted).to_bytes(4, "little") + challenge[24:]
    negotiate, answer = authenticate(challenge, "DOM\\User", "Password")
    assert judge(negotiate, challenge, answer, "Password").has_mic


def test_the_first_message_is_one() -> None:
    assert NtlmLogin("u", "p").negotiate().startswith(NEGOTIATE[:12])


def test_another_password_is_another_answer() -> None:
    negotiate, answer = authenticate(CHALLENGE, "u", "p")
    with pytest.raises(AssertionError):
        judge(negotiate, CHALLENGE, answer, "q")


@pytest.mark.parametrize(
    ("username", "password"), [("", ""), ("u", ""), ("", "p"), ("ü\\ß", "\U0001f511" * 50)]
)
def test_any_login(username: str, password: str) -> None:
    negotiate, answer = authenticate(CHALLENGE, username, password)
    domain, _, user = username.rpartition("\\")
    judged = judge(negotiate, CHALLENGE, answer, password)
    assert (judged.domain, judged.user) == (domain, user)


@pytest.mark.parametrize(
    ("text", "digest"),
    [  # RFC 1320 §A.5
        (b"", "31d6cfe0d16ae931b73c59d7e0c089c0"),
        (b"a", "bde52cb31de33e46245e05fbdbd6fb24"),
        (b"abc", "a448017aaf21d8525fc10ae87aa6729d"),
        (b"message digest", "d9130a8164549fe818874806e1c7014b"),
        (b"abcdefghijklmnopqrstuvwxyz", "d79e1c308aa5bbcdeea8ed63df412da9"),
        (
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "043f8582f241db351ce627e153e7f0e4",
        ),
        (b"1234567890" * 8, "e33b4ddc9c38f2199c3e7b164fcc0536"),
    ],
)
def test_md4_of_the_judge(text: bytes, digest: str) -> None:
    assert md4(text).hex() == digest


def test_nonce_and_clock_are_fresh() -> None:
    assert authenticate(CHALLENGE, "u", "p") != authenticate(CHALLENGE, "u", "p")


def flags(value: int) -> bytes:
    return CHALLENGE[:20] + value.to_bytes(4, "little") + CHALLENGE[24:]


@pytest.mark.parametrize(
    ("challenge", "error"),
    [
        (CHALLENGE[:40], "too short"),
        (b"X" + CHALLENGE[1:], "no challenge"),
        (CHALLENGE[:8] + b"\3" + CHALLENGE[9:], "no challenge"),
        (flags(0x81), "only version 2"),
        (flags(0x2), "only unicode"),
        (CHALLENGE[:44] + b"\xff\xff\xff\x7f" + CHALLENGE[48:], "outside"),
    ],
)
def test_challenges_that_cannot_be_answered(challenge: bytes, error: str) -> None:
    with pytest.raises(RemoteProtocolError, match=error):
        authenticate(challenge, "u", "p")


INFO = st.binary(max_size=60) | st.lists(
    st.builds(
        lambda kind, value: struct.pack("<HH", kind, len(value)) + value,
        st.integers(0, 12),
        st.binary(max_size=12) | st.just(b"\xff" * 8),
    ),
    max_size=5,
).map(b"".join)


@given(INFO)
def test_any_target_info(info: bytes) -> None:
    head = CHALLENGE[:40] + struct.pack("<HHI", len(info), len(info), 56) + CHALLENGE[48:56]
    with suppress(RemoteProtocolError):
        assert len(authenticate(head + info, "u", "p")[1]) >= 64


@given(st.binary(min_size=40, max_size=80))
def test_any_fields(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        authenticate(CHALLENGE[:12] + data, "u", "p")


# The two requests


def challenged(body: bytes = b"", fields: str = "") -> bytes:
    head = f"HTTP/1.1 407 Who\r\nProxy-Authenticate: {OFFER}\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
    return head.encode() + body


@given(body=st.binary(max_size=50), cuts=st.lists(st.integers(0, 400), max_size=5))
def test_a_challenge_is_answered_after_its_page(body: bytes, cuts: list[int]) -> None:
    connect = NtlmConnect(TARGET, ("DOM\\us", "pw"))
    first = token(connect.data_to_send())
    second = b""
    for chunk in chunks(challenged(body), cuts):
        assert second == b"" or not chunk
        assert connect.receive_data(chunk) is None
        second += connect.data_to_send()
    answer = judge(first, CHALLENGE, token(second), "pw")
    assert (answer.domain, answer.user) == ("DOM", "us")
    assert connect.receive_data(b"HTTP/1.1 200 OK\r\n\r\nrest") == b"rest"


def token(request: bytes) -> bytes:
    return base64.b64decode(request.partition(b"Proxy-Authorization: Negotiate ")[2])


def test_one_offer_of_several() -> None:
    connect = NtlmConnect(TARGET, ("u", "p"))
    connect.data_to_send()
    assert connect.receive_data(challenged().replace(b"Negotiate", b"Basic realm=x, Negotiate")) is None
    assert b"Negotiate TlRMTVNTUAAD" in connect.data_to_send()


@pytest.mark.parametrize(
    ("login", "answers", "error"),
    [
        (("u", "p"), [challenged(), challenged()], "StatusCode \\[407\\]"),
        (None, [challenged()], "StatusCode \\[407\\]"),
        (("u", "p"), [b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\n"], "StatusCode"),
        (("u", "p"), [challenged().replace(b"TlRM", b"!!!!")], "no base64"),
        (("u", "p"), [challenged().replace(b"TlRM", b"\xff\xff\xff\xff")], "no base64"),
        (("u", "p"), [challenged().replace(b"Length: 0", b"Length: " + b"0" * 5000)], "longer than 1 MiB"),
        (("u", "p"), [challenged().replace(b"TlRM", b"AAAA")], "no challenge"),
        (("u", "p"), [challenged(fields="X: y\r\n").replace(b": 0", b": 2000000")], "1 MiB"),
        (
            ("u", "p"),
            [challenged().replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")],
            "in chunks",
        ),
    ],
)
def test_a_second_round_that_fails(login: tuple[str, str] | None, answers: list[bytes], error: str) -> None:
    connect = NtlmConnect(TARGET, login)
    with pytest.raises(RemoteProtocolError, match=error):
        any(connect.receive_data(answer) for answer in answers)


def test_nothing_else_loads_the_library() -> None:
    code = (
        "import sys, aiofrp.cli.frpc, aiofrp.client.service, aiofrp.transport.outbound, aiofrp.wire.dial.connect;"
        "raise SystemExit('spnego' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
