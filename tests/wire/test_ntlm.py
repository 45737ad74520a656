"""NTLM: the reference's messages, the standard's digests, challenges that cannot be answered."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.ntlm import authenticate, md4
from tests.wire.vectors import FOLDER

#: What the reference answered to challenges, recorded.
RECORDED = json.loads((FOLDER.parent / "client-api" / "ntlm.json").read_text(encoding="utf-8"))
CHALLENGE = bytes.fromhex(RECORDED[0]["challenge"])


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["username"])
def test_the_answers_of_the_reference(case: dict[str, Any]) -> None:
    """Its nonce and clock are in the answer itself."""
    expected = bytes.fromhex(case["authenticate"])
    (at,) = struct.unpack_from("<I", expected, 24)  # of the NT response: 16 bytes of proof, then the blob
    stamp, nonce = expected[at + 24 : at + 32], expected[at + 32 : at + 40]
    now = (int.from_bytes(stamp, "little") - 116444736000000000) / 10_000_000
    answer = authenticate(
        bytes.fromhex(case["challenge"]), case["username"], case["password"], nonce=nonce, now=now
    )
    drift = abs(int.from_bytes(answer[at + 24 : at + 32], "little") - int.from_bytes(stamp, "little"))
    if drift:  # a float of seconds does not hold tenths of microseconds
        assert drift < 20
        expected = (
            expected[:at]
            + answer[at : at + 16]
            + expected[at + 16 : at + 24]
            + answer[at + 24 : at + 32]
            + expected[at + 32 :]
        )
    assert answer == expected


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
def test_md4(text: bytes, digest: str) -> None:
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
        (flags(0x40000001), "key exchange"),
        (flags(0x2), "only unicode"),
        (CHALLENGE[:44] + b"\xff\xff\xff\x7f" + CHALLENGE[48:], "outside"),
    ],
)
def test_challenges_that_cannot_be_answered(challenge: bytes, error: str) -> None:
    with pytest.raises(RemoteProtocolError, match=error):
        authenticate(challenge, "u", "p")


@given(st.binary(max_size=60))
def test_any_target_info(info: bytes) -> None:
    head = CHALLENGE[:40] + struct.pack("<HHI", len(info), len(info), 56) + CHALLENGE[48:56]
    with suppress(RemoteProtocolError):
        assert len(authenticate(head + info, "u", "p")) >= 64
