"""The calls between a QUIC connection and what is around it, and whose fault an exception in one of them is.

What the library raises is the peer's fault and ends the connection. What a handler or a judge raises is ours: it is
logged, and never taken for an error of the peer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from aiofrp import faults
from aiofrp.errors import RemoteProtocolError
from aiofrp.stream.quic.core.limits import Judge


class Handler(Protocol):
    """Receives what the core found, in the order in which it happened."""

    def handshake_done(self) -> None:
        """The handshake is complete and the peer's certificate is accepted; streams may be opened."""

    def stream_data(self, stream_id: int, data: bytes, end: bool, /) -> None:
        """Bytes of a stream were received, in order; they may be empty or the last ones."""

    def stream_reset(self, stream_id: int, /) -> None:
        """The peer sent RESET_STREAM."""

    def stream_stopped(self, stream_id: int, /) -> None:
        """The peer sent STOP_SENDING."""

    def connection_id(self, cid: bytes, valid: bool, /) -> None:
        """The peer may use a connection ID from now on, or no longer."""

    def terminated(self, code: int, reason: str, by_peer: bool, /) -> None:
        """The connection has ended; called once and last. ``by_peer``: the peer sent the code."""


class _Guard:
    """A block of calls into the library: whatever it raises, panics of its compiled part included, becomes
    :class:`~aiofrp.errors.RemoteProtocolError`. No handler and no judge is called inside. Entered for every datagram,
    so it is one object and no generator."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        if exc is not None and not isinstance(exc, KeyboardInterrupt | SystemExit):
            raise RemoteProtocolError(f"quic: {type(exc).__name__}: {exc}") from exc


guarded = _Guard()


class HeldCalls:
    """Takes the calls of a handler, to be made later."""

    def __init__(self) -> None:
        self.made: list[tuple[str, tuple[Any, ...]]] = []  # limited by what one read of the socket can bring

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *arguments: self.made.append((name, arguments))


def judged(judge: Judge, chain: list[bytes]) -> str:
    """What ``judge`` finds wrong with ``chain``. A fault in the judge refuses the peer, and is logged as ours."""
    found = ["it could not be judged"]
    faults.call("the judge of QUIC certificates failed", lambda: found.append(judge(chain)))
    return found[-1]
