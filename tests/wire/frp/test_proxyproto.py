"""PROXY headers against what local services received from the reference."""

from __future__ import annotations

import json
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest

from aiofrp.errors import LocalProtocolError
from aiofrp.wire.frp.messages import StartWorkConn
from aiofrp.wire.frp.proxyproto import connection_header, datagram_header

_FILE = Path(__file__).parent.parent.parent / "vectors" / "client-api" / "proxy-protocol.json"
RECORDED = json.loads(_FILE.read_text(encoding="utf-8"))["proxy_protocol"]


def of(label: str) -> list[dict[str, Any]]:
    return [case for case in RECORDED if label in case["label"]]


def version(case: dict[str, Any]) -> str:
    return "v2" if "v2" in case["label"] else "v1"


def start(src: str, src_port: int, dst: str = "", dst_port: int = 0) -> StartWorkConn:
    return StartWorkConn(src_addr=src, src_port=src_port, dst_addr=dst, dst_port=dst_port)


@pytest.mark.parametrize("case", [*of("tcp"), *of("plugin"), *of("http")], ids=lambda case: case["label"])
def test_recorded_connections(case: dict[str, Any]) -> None:
    host, _, port = case["user_address"].partition(":")
    told = (
        start(host, int(port))
        if "http" in case["label"]
        else start(host, int(port), host, case["entry_port"])
    )
    header = connection_header(version(case), told)
    received = bytes.fromhex(case["back_end_received"][0]["stream_hex"])
    assert received.startswith(header)
    rest = received[len(header) :]
    assert rest == b"hello" or rest.startswith(b"GET /zz HTTP/1.1\r\n")


@pytest.mark.parametrize("case", of("udp"), ids=lambda case: case["label"])
def test_recorded_datagrams(case: dict[str, Any]) -> None:
    host, _, port = case["user_address"].partition(":")
    header = datagram_header(version(case), (host, int(port)), ("127.0.0.1", 17802))
    first, second = (bytes.fromhex(received["datagram_hex"]) for received in case["back_end_received"])
    assert (first, second) == (header + b"pkt0", b"pkt1")


def test_ipv6() -> None:
    told = start("2001:db8::1", 1, "fe80::2%eth0", 65535)
    assert connection_header("v1", told) == b"PROXY TCP6 2001:db8::1 fe80::2 1 65535\r\n"
    assert connection_header("v2", told) == (
        b"\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24"
        + bytes.fromhex("20010db8000000000000000000000001" + "fe800000000000000000000000000002")
        + b"\x00\x01\xff\xff"
    )
    assert datagram_header("v2", ("::1", 7), ("::1", 8))[13] == 0x22


def test_ipv4_inside_ipv6_is_ipv4() -> None:
    assert connection_header("v1", start("::ffff:10.0.0.1", 5, "10.0.0.2", 6)) == (
        b"PROXY TCP4 10.0.0.1 10.0.0.2 5 6\r\n"
    )


def test_an_ipv4_destination_fits_into_an_ipv6_header() -> None:
    words = connection_header("v1", start("::1", 5)).decode().split()
    assert words[:3] == ["PROXY", "TCP6", "::1"]
    assert IPv6Address(words[3]) == IPv6Address("::ffff:127.0.0.1")
    assert words[4:] == ["5", "0"]


@pytest.mark.parametrize(
    "told", [start("10.0.0.1", 5, "::1", 6), start("somewhere", 5), start("1.2.3.4", 5, "x", 6)]
)
@pytest.mark.parametrize("named", ["v1", "v2"])
def test_what_no_header_can_hold(told: StartWorkConn, named: str) -> None:
    with pytest.raises(LocalProtocolError):
        connection_header(named, told)


@pytest.mark.parametrize("told", [start("", 5), start("10.0.0.1", 0)])
def test_nothing_is_told_of_an_unknown_user(told: StartWorkConn) -> None:
    assert connection_header("v2", told) == b""


def test_without_a_version_there_is_no_header() -> None:
    assert connection_header("", start("10.0.0.1", 5)) == b""
    assert datagram_header("", ("10.0.0.1", 5), ("10.0.0.1", 5)) == b""
