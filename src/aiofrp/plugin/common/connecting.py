"""New connections for the HTTP engine, each made by a task of its proxy."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from aiofrp.errors import Closed, ConnectFailed, FrpError, TransportError
from aiofrp.host.contexts import ClientContext
from aiofrp.http.upstream import Open
from aiofrp.stream.base import Stream

#: Makes one connection. Raises :class:`~aiofrp.errors.TransportError`.
Connect: TypeAlias = Callable[[], Coroutine[Any, Any, Stream]]


#: Makes one without a task, where it can: see :func:`aiofrp.transport.net.dial_here`.
ConnectHere: TypeAlias = Callable[[Callable[[Stream], object], Callable[[Exception], object]], bool]


def opening(context: ClientContext, connect: Connect, here: ConnectHere | None = None) -> Open:
    """An :class:`~aiofrp.http.upstream.Open` that calls ``here``, and where that cannot ``connect``, whoever the user
    is."""

    def start(
        source: tuple[str, int], ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
    ) -> None:
        if here is None or not here(ready, lambda exc: failed(ConnectFailed(str(exc)))):
            context.spawn(_connect(connect, ready, failed), "connect")

    return start


async def _connect(
    connect: Connect, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]
) -> None:
    try:
        stream = await connect()
    except TransportError as exc:
        failed(exc)
    except BaseException:
        failed(Closed("the proxy is closed"))
        raise
    else:
        ready(stream)
