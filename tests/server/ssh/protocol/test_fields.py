"""Fields of SSH messages."""

from __future__ import annotations

import pytest

from aiofrp.errors import RemoteProtocolError
from aiofrp.server.ssh.protocol.fields import Fields, string, uint32


def test_fields_come_as_they_were_written() -> None:
    message = b"\x5a" + string("session") + uint32(7) + b"\1\0" + string(b"\xff")
    fields = Fields(message)
    assert fields.text(10) == "session"
    assert fields.uint32() == 7
    assert (fields.boolean(), fields.boolean()) == (True, False)
    assert fields.text(1) == "\ufffd"


@pytest.mark.parametrize("size", range(1, 12))
def test_a_message_that_ends_early_is_refused(size: int) -> None:
    with pytest.raises(RemoteProtocolError, match="ends in the middle"):
        Fields((b"\x5a" + string("session"))[:size]).string(100)


def test_a_field_has_a_limit() -> None:
    with pytest.raises(RemoteProtocolError, match="11 bytes, 10 are allowed"):
        Fields(b"\x5a" + string(bytes(11))).string(10)
    with pytest.raises(RemoteProtocolError):
        Fields(b"\x5a\xff\xff\xff\xff").string(0xFFFFFFFF)
