"""The layers of a work connection on both sides, and users of a proxy joined to work connections."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import pytest

from aiofrp import logs
from aiofrp.config.models.types import Bandwidth
from aiofrp.errors import Closed, FrpError
from aiofrp.host.contexts import ServerContext
from aiofrp.host.relay import UserConnections, client_side, layered, limit_of, server_side
from aiofrp.stream.base import Stream
from aiofrp.stream.memory import memory_pair
from aiofrp.stream.throttle import Limit
from aiofrp.wire.frp.messages import NewProxy, StartWorkConn
from tests.support.ends import End, until

KEY = bytes(range(16))


def flags(encryption: bool, compression: bool) -> NewProxy:
    return NewProxy(proxy_name="p", use_encryption=encryption, use_compression=compression)


@pytest.mark.parametrize("compression", [False, True])
@pytest.mark.parametrize("encryption", [False, True])
async def test_both_sides_see_the_same_bytes(encryption: bool, compression: bool) -> None:
    left, right = memory_pair(chunk=100)
    asked = flags(encryption, compression)
    plain = layered(left, asked, KEY)
    assert (plain is left) == (not encryption and not compression), "no layer costs nothing"
    a, b = End(plain).attach(), End(layered(right, asked, KEY)).attach()
    a.write(b"word " * 1000)
    a.write_eof()
    await until(lambda: b.eofs)
    assert bytes(b.data) == b"word " * 1000
    b.close()
    await until(lambda: a.lost and b.lost)


async def test_a_limit_counts_plain_bytes_on_frps_and_bytes_of_the_wire_on_frpc() -> None:
    context = cast(ServerContext, SimpleNamespace(message=flags(True, False), key=KEY, limit=Limit(1 << 20)))
    left, right = memory_pair()
    assert server_side(left, context).info("layers") == ("throttle", "transform", "memory")
    assert client_side(right, context.message, context).info("layers") == ("transform", "throttle", "memory")


async def test_a_limit_is_kept_on_the_side_that_it_names() -> None:
    assert limit_of(Bandwidth.parse("1MB"), True) is not None
    assert limit_of(Bandwidth.parse("1MB"), False) is None
    assert limit_of(Bandwidth(), True) is None


class Frps:
    """frps as a proxy sees it, whose gate and pool answer as they are told."""

    key, limit = KEY, None
    log = user_log = logs.get(__name__)
    message = flags(False, False)

    def __init__(self, *, admits: bool, work: Stream | None) -> None:
        self._admits = admits
        self._work = work
        self.started: list[StartWorkConn] = []
        self.open = self.ended = 0
        self.traffic = SimpleNamespace(opened=self._opened, closed=self._closed)

    def admit(
        self, address: tuple[str, int], ready: Callable[[], None], refused: Callable[[FrpError], None]
    ) -> None:
        if self._admits:
            ready()
        else:
            refused(Closed("not this one"))

    def take_work_connection(
        self, start: StartWorkConn, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
    ) -> None:
        self.started.append(start)
        if self._work is not None:
            ready(self._work)
        else:
            failed(Closed("none to be had"))

    def _opened(self, joined: object) -> None:
        self.open += 1

    def _closed(self, joined: object) -> None:
        self.ended += 1


async def test_a_user_is_joined_in_the_same_call() -> None:
    user, here = memory_pair()
    work, there = memory_pair()
    frps = Frps(admits=True, work=work)
    UserConnections(cast(ServerContext, frps)).accept(here, b"early ")
    assert (frps.open, [start.proxy_name for start in frps.started]) == (1, ["p"])
    a, b = End(user).attach(), End(there).attach()
    a.write(b"and late")
    b.write(b"answer")
    await until(lambda: len(b.data) == 14 and len(a.data) == 6)
    assert (bytes(b.data), bytes(a.data)) == (b"early and late", b"answer")
    a.close()
    await until(lambda: b.eofs)
    b.close()
    await until(lambda: frps.ended)


@pytest.mark.parametrize(("admits", "asks"), [(False, 0), (True, 1)])
async def test_a_user_without_a_work_connection_sees_the_end(admits: bool, asks: int) -> None:
    user, here = memory_pair()
    frps = Frps(admits=admits, work=None)
    UserConnections(cast(ServerContext, frps)).accept(here)
    a = End(user).attach()
    await until(lambda: a.lost)
    assert (len(frps.started), frps.open) == (asks, 0)
