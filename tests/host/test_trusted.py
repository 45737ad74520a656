"""Which addresses belong to trusted front ends."""

from __future__ import annotations

import pytest

from aiofrp.host.trusted import Trusted


@pytest.mark.parametrize(
    ("address", "is_trusted"),
    [
        (b"127.0.0.1", True),
        (b"127.255.0.9", True),
        (b"::1", True),
        (b"10.1.2.3", True),
        (b"11.1.2.3", False),
        (b"::2", False),
        (b"fd00::5", True),
        (b"", False),
        (b"nobody", False),
    ],
)
def test_who_is_trusted(address: bytes, is_trusted: bool) -> None:
    trusted = Trusted(("127.0.0.0/8", "::1", "10.1.2.4/8", "fd00::/8"))
    assert trusted.has(address) is is_trusted
    assert not Trusted().has(address)


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.0/33"):
        Trusted(("10.0.0.0/33",))
