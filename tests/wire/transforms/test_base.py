"""What every transform promises."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.wire.transforms.aead import ALGORITHMS, AeadStream
from aiofrp.wire.transforms.aescfb import AesCfb
from aiofrp.wire.transforms.base import Transform
from aiofrp.wire.transforms.snappy import Snappy
from tests.wire.cuts import chunks

TRANSFORMS: dict[str, Callable[[], Transform]] = {
    "aes-cfb": lambda: AesCfb(bytes(16)),
    "snappy": Snappy,
    **{name: lambda name=name: AeadStream(name, bytes(32), bytes(32)) for name in ALGORITHMS},  # type: ignore[misc]
}
every = pytest.mark.parametrize("new", TRANSFORMS.values(), ids=TRANSFORMS)


@every
def test_nothing_stays_nothing(new: Callable[[], Transform]) -> None:
    transform = new()
    assert transform.encode(b"") == b""
    assert transform.decode(b"") == b""


@every
def test_nothing_is_held_back_when_sending(new: Callable[[], Transform]) -> None:
    sender, receiver = new(), new()
    for data in (b"a", bytearray(b"bc"), memoryview(b"def"), bytes(200_000), b""):
        assert receiver.decode(sender.encode(data)) == data


@every
def test_directions_are_independent(new: Callable[[], Transform]) -> None:
    near, far = new(), new()
    requests, responses = near.encode(b"ping"), far.encode(b"pong")
    assert (far.decode(requests), near.decode(responses)) == (b"ping", b"pong")
    assert far.decode(near.encode(b"ping 2")) == b"ping 2"


@every
@given(writes=st.lists(st.binary(max_size=50), max_size=5), cuts=st.lists(st.integers(0, 400), max_size=20))
def test_any_cuts(new: Callable[[], Transform], writes: list[bytes], cuts: list[int]) -> None:
    sender, receiver = new(), new()
    stream = b"".join(map(sender.encode, writes))
    assert b"".join(map(receiver.decode, chunks(stream, cuts))) == b"".join(writes)
