"""QR codes on terminals."""

from __future__ import annotations

from aiofrp.wire.qrcode import qr_code


def test_a_qr_code_is_a_square_of_half_blocks() -> None:
    lines = qr_code("http://example.com:6080").splitlines()
    assert len(lines) > 10
    assert len({len(line) for line in lines}) == 1
    assert len(lines) * 2 in (len(lines[0]), len(lines[0]) + 1)
    assert set("".join(lines)) <= set("█▀▄ ")
