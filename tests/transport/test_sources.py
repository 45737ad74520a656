"""Which addresses count as one source."""

from __future__ import annotations

from aiofrp.wire.addresses import source_of


def test_one_source_is_an_address_or_a_network() -> None:
    assert source_of("127.0.0.1") == source_of("::ffff:127.0.0.1") == "127.0.0.1"
    assert source_of("2001:db8::1") == source_of("2001:db8::ffff:0:1") == "2001:db8::/64"
    assert source_of("2001:db8:0:1::1") != source_of("2001:db8::1")
    assert source_of("fe80::1%eth0") == "fe80::/64"
    assert source_of("") == ""
