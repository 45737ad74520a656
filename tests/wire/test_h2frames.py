"""Frame sizes of HTTP/2: followed in any cuts, refused as soon as they are announced."""

from __future__ import annotations

import h2.connection
import pytest
from h2.config import H2Configuration
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.errors import RemoteProtocolError
from aiofrp.wire.h2frames import MAX_FRAME, FrameSizes
from tests.wire.cuts import chunks

PREFACE = 24


def conversation() -> bytes:
    """What a client says: preface, settings, a request, data up to the limit."""
    client = h2.connection.H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    head = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", "/")]
    client.send_headers(1, head)
    client.send_data(1, bytes(MAX_FRAME))
    client.send_data(1, b"", end_stream=True)
    return client.data_to_send()


SAID = conversation()


@given(st.lists(st.integers(0, len(SAID)), max_size=20))
def test_what_h2_says_passes_in_any_cuts(cuts: list[int]) -> None:
    sizes = FrameSizes(PREFACE)
    for part in chunks(SAID * 1, cuts):
        sizes.receive_data(part)
    assert sizes._skip == 0
    assert sizes._length == b""


@pytest.mark.parametrize("length", [MAX_FRAME + 1, (1 << 24) - 1])
@pytest.mark.parametrize("step", [1, 1 << 20])
def test_too_much_is_refused_when_announced(length: int, step: int) -> None:
    sizes = FrameSizes(PREFACE)
    data = SAID + length.to_bytes(3)
    for start in range(0, len(data) - 1, step):
        sizes.receive_data(data[start : min(start + step, len(data) - 1)])
    with pytest.raises(RemoteProtocolError, match=str(length)):
        sizes.receive_data(data[-1:])
