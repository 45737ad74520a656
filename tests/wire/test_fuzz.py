"""Short fuzzing of every decoder: random bytes, and recorded bytes with something changed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS
from tests.wire.vectors import load

MESSAGES = load("messages")["vectors"]
STREAMS = load("snappy_framed")["streams"]
HANDSHAKES = load("v2_crypto")["handshakes"]
DATAGRAMS = load("kcp_slow_session")["datagrams"]
SEEDS: list[bytes] = [
    *(bytes.fromhex(vector[form]) for vector in MESSAGES for form in ("v1_hex", "v2_frame_hex")),
    *(vector["json"].encode() for vector in MESSAGES),
    *(bytes.fromhex(vector["stream"]) for vector in STREAMS if len(vector["stream"]) < 4000),
    *(vector[f"{side}_hello_payload"].encode() for vector in HANDSHAKES for side in ("client", "server")),
    *(bytes.fromhex(vector["client_to_server_stream"]) for vector in HANDSHAKES),
    *(bytes.fromhex(datagram["hex"]) for datagram in DATAGRAMS),
]


@st.composite
def changed(draw: st.DrawFn) -> bytes:
    """A seed with a part replaced by other bytes."""
    seed = draw(st.sampled_from(SEEDS))
    start = draw(st.integers(0, len(seed)))
    return seed[:start] + draw(st.binary(max_size=12)) + seed[draw(st.integers(start, len(seed))) :]


@pytest.mark.parametrize("name", TARGETS)
def test_seeds(name: str) -> None:
    for seed in SEEDS:
        TARGETS[name](seed)


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.binary(max_size=200) | changed())
def test_random_and_changed_bytes(name: str, data: bytes) -> None:
    TARGETS[name](data)
