"""New streams of a tunnel: users, and checks whether the tunnel is alive."""

from __future__ import annotations

import pytest

from aiofrp.proxy.direct import firstbyte
from aiofrp.proxy.direct.firstbyte import FirstByte
from aiofrp.stream.memory import memory_pair
from tests.support.ends import End, until


async def test_a_user_who_sends_is_served_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firstbyte, "MOMENT", 1000)
    user, stream = memory_pair()
    served: list[End] = []
    FirstByte(stream, lambda: served.append(End(stream).attach()))
    near = End(user).attach()
    near.write(b"hello")
    near.write(b" there")
    await until(lambda: served and served[0].data == b"hello there")
    near.close()
    await until(lambda: served[0].eofs or served[0].lost)
    served[0].close()
    await until(lambda: near.lost and served[0].lost)


async def test_a_silent_user_is_served_after_a_moment() -> None:
    user, stream = memory_pair()
    served: list[End] = []
    FirstByte(stream, lambda: served.append(End(stream).attach()))
    near = End(user).attach()
    await until(lambda: served)
    served[0].write(b"220 ready")
    await until(lambda: near.data == b"220 ready")
    near.abort()
    await until(lambda: served[0].lost)


@pytest.mark.parametrize("how", ["write_eof", "close", "abort"])
async def test_a_stream_that_ends_at_once_is_no_user(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firstbyte, "MOMENT", 1000)
    user, stream = memory_pair()
    served: list[End] = []
    FirstByte(stream, lambda: served.append(End(stream)))
    near = End(user).attach()
    getattr(near, how)()
    await until(lambda: near.lost)
    assert not served
