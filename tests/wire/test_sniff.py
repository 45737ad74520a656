"""Who takes a fresh connection on a shared port, by its first bytes and by who shares the port."""

from __future__ import annotations

import pytest

from aiofrp.wire.sniff import Kind, classify, classify_vhost

ALL = (Kind.TCPMUX, Kind.VHOST_HTTP, Kind.VHOST_HTTPS)
TLS = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03"


@pytest.mark.parametrize(
    ("head", "vhosts", "kind"),
    [
        (b"GET / HTTP", ALL, Kind.VHOST_HTTP),
        (b"PRI * HTTP", ALL, Kind.VHOST_HTTP),
        (b"PATCH / HT", ALL, Kind.VHOST_HTTP),
        (b"FOO / HTTP", ALL, Kind.FRP),
        (b"GET / HTTP", (Kind.VHOST_HTTPS,), Kind.FRP),
        (TLS, ALL, Kind.VHOST_HTTPS),
        (TLS, (Kind.VHOST_HTTP,), Kind.FRP),
        (b"\x17" + TLS[:9], ALL, Kind.FRP),
        (b"CONNECT a:", ALL, Kind.TCPMUX),
        (b"CONNECT a:", (Kind.VHOST_HTTP,), Kind.VHOST_HTTP),
        (b"CONNECT a:", (), Kind.FRP),
        (b"o" + bytes(9), ALL, Kind.FRP),
        (b"FRP\x00\x02\r\n\x00\x01\x00", ALL, Kind.FRP),
    ],
)
def test_on_frps_own_port(head: bytes, vhosts: tuple[Kind, ...], kind: Kind) -> None:
    assert classify(head, vhosts) is kind


@pytest.mark.parametrize(
    ("head", "vhosts", "kind"),
    [
        (TLS, ALL, Kind.VHOST_HTTPS),
        (b"CON", ALL, Kind.TCPMUX),
        (b"GET", ALL, Kind.VHOST_HTTP),
        (b"???", ALL, Kind.VHOST_HTTP),
        (b"CON", (Kind.VHOST_HTTP, Kind.VHOST_HTTPS), Kind.VHOST_HTTP),
        (b"GET", (Kind.TCPMUX, Kind.VHOST_HTTPS), Kind.TCPMUX),
        (TLS, (Kind.TCPMUX, Kind.VHOST_HTTP), Kind.VHOST_HTTP),
    ],
)
def test_on_a_port_of_vhosts_alone(head: bytes, vhosts: tuple[Kind, ...], kind: Kind) -> None:
    assert classify_vhost(head, vhosts) is kind
