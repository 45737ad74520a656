"""The pair in memory."""

from __future__ import annotations

import pytest

from aiofrp.errors import ProxyError
from aiofrp.stream.memory import HIGH_WATER, LOW_WATER, memory_pair, refuse
from tests.support.ends import End, settle, until


@pytest.mark.parametrize("chunk", [1, 7, 100])
async def test_it_delivers_no_more_than_a_chunk_at_a_time(chunk: int) -> None:
    near, far = memory_pair(chunk=chunk)
    a, b = End(near).attach(), End(far).attach()
    sizes: list[int] = []
    b.on_data = lambda data: sizes.append(len(data))
    a.write(bytes(range(250)))
    await until(lambda: len(b.data) == 250)
    assert b.data == bytes(range(250))
    assert max(sizes) == chunk
    assert len(sizes) == -(-250 // chunk)
    a.abort()
    await until(lambda: b.lost)


async def test_the_marks_of_the_writer() -> None:
    near, far = memory_pair(chunk=1024)
    a, b = End(near).attach(), End(far).attach()
    b.pause()
    a.write(bytes(HIGH_WATER))
    assert not a.writing_paused
    a.write(b"x")
    assert a.writing_paused
    left = HIGH_WATER + 1 - LOW_WATER
    b.on_data = lambda data: b.pause() if len(b.data) >= left else None
    b.resume()
    await until(lambda: len(b.data) >= left)
    await settle(lambda: a.writing_paused)
    assert not a.writing_paused
    a.abort()
    await until(lambda: b.lost)


async def test_what_was_written_cannot_be_changed_later() -> None:
    near, far = memory_pair()
    a, b = End(near).attach(), End(far).attach()
    buffer = bytearray(b"before")
    a.write(memoryview(buffer))
    buffer[:] = b"after!"
    await until(lambda: b.data)
    assert b.data == b"before"
    a.check()
    b.check()
    a.abort()
    await until(lambda: b.lost)


@pytest.mark.parametrize("refused", [True, False])
async def test_the_other_end_finds_why_it_was_refused(refused: bool) -> None:
    near, far = memory_pair()
    a = End(near).attach()
    if refused:
        refuse(far, ProxyError("nobody is there"))
    else:
        far.close()
    await until(lambda: a.eofs)
    assert str(near.refusal) == ("nobody is there" if refused else "None")
    a.close()
    await until(lambda: a.lost)
    a.check()
