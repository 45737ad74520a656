from __future__ import annotations

import pytest

from aiofrp.wire.portnumber import port_number


@pytest.mark.parametrize(
    ("text", "port"), [("0", 0), ("1", 1), ("00080", 80), ("65535", 65535), ("65536", None), ("000080", None)]
)
def test_numbers(text: str, port: int | None) -> None:
    assert port_number(text) == port


@pytest.mark.parametrize("text", ["", " 1", "+1", "-1", "1.0", "x", "\u0661", "\u00b2", "9" * 5000])
def test_other_text(text: str) -> None:
    assert port_number(text) is None
