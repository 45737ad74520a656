"""The addresses of a packet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.ippacket import addresses
from tests.support.ippackets import packet, pair


@pytest.mark.parametrize(
    ("source", "destination"), [("100.86.0.2", "100.86.0.1"), ("fd00::2", "fd00::1"), ("fe80::1", "ff02::2")]
)
def test_both_versions(source: str, destination: str) -> None:
    assert addresses(packet(source, destination)) == pair(source, destination)
    assert addresses(packet(source, destination, b"payload")) == pair(source, destination)


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    found = addresses(data)
    version = data[0] >> 4 if data else 0
    if (version == 4 and len(data) >= 20) or (version == 6 and len(data) >= 40):
        assert found is not None
        assert len(found) == {4: 8, 6: 32}[version]
        assert found in data
    else:
        assert found is None
