"""Fixtures for other projects' tests: a frps, and services exposed through it.

Both run in a thread of their own, so synchronous and asynchronous tests use them alike, whatever drives the latter.
pytest loads this module at every start: everything else is imported only by a test that uses a fixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from aiofrp.library.thread import LoopThread
    from aiofrp.library.tunnel import Target, Tunnel

#: The token of the server; a test gives it to whatever else is to log in.
TOKEN = "pytest"


class Frps(Protocol):
    """The server of the fixture ``frps``: what clients need to log in."""

    @property
    def address(self) -> str:
        """``127.0.0.1:port``, for clients."""

    @property
    def port(self) -> int:
        """The TCP port that clients connect to."""

    @property
    def token(self) -> str:
        """The token that clients log in with."""


class Expose(Protocol):
    """What the fixture ``expose`` gives: a function that exposes services until the test ends."""

    def __call__(self, target: Target, **options: Any) -> Tunnel: ...


@pytest.fixture
def frps_options() -> dict[str, Any]:
    """Settings of the fixture ``frps`` besides address, port and token; override it to have others."""
    return {}


@pytest.fixture
def aiofrp_thread() -> Iterator[LoopThread]:
    """The event loop the other fixtures run in."""
    from aiofrp.library.thread import LoopThread

    with LoopThread("aiofrp-pytest") as thread:
        yield thread


@pytest.fixture
def frps(aiofrp_thread: LoopThread, frps_options: dict[str, Any]) -> Iterator[Frps]:
    """A frps on a free port of 127.0.0.1, until the test ends; ``frps.address``, ``frps.token``."""
    from aiofrp.library.server import Server

    class PytestFrps(Server):
        """A server with the token that its clients need."""

        token = TOKEN

    options = {"bind_addr": "127.0.0.1", "bind_port": 0, "auth": {"token": TOKEN}, **frps_options}
    server = PytestFrps(options)
    aiofrp_thread.run(server.start())
    yield server
    aiofrp_thread.run(server.stop())


@pytest.fixture
def expose(aiofrp_thread: LoopThread, frps: Frps) -> Iterator[Expose]:
    """``expose(8000)`` makes a port, ``"host:port"`` or an ASGI application public at the fixture ``frps``.

    It takes the options of :func:`aiofrp.expose` and gives its tunnel; ``tunnel.address`` leads to the service.
    """
    from contextlib import AsyncExitStack

    from aiofrp.library.exposure import expose

    stack = AsyncExitStack()

    def open_tunnel(target: Target, **options: Any) -> Tunnel:
        settings = {"server": frps.address, "token": frps.token, **options}
        return aiofrp_thread.run(stack.enter_async_context(expose(target, **settings)))

    yield open_tunnel
    aiofrp_thread.run(stack.aclose())
