"""The interface of byte streams and of their receivers.

A :class:`Stream` carries bytes and calls a :class:`Receiver`. The names are asyncio's own, so that a receiver may be
any :class:`asyncio.Protocol` and a TCP stream costs no wrapper call.

Rules every implementation keeps (the contract suite in ``tests/contract`` checks them):

1. Nothing is delivered before :meth:`Stream.attach`; early bytes are held, within a limit.
2. ``write`` never calls the same stream's ``data_received``; it may call ``pause_writing``. Held bytes are
   delivered on a later loop turn, so recursion is never deeper than the stack of layers.
3. Delivered buffers are immutable (``bytes`` or a view onto ``bytes``): keep or slice them without copying. Only a
   receiver with an attribute ``borrows`` that is true may get lent memory, a view that can be written to: it copies
   what it keeps before it does anything else, because that memory is used again. It may write such a view to a stream
   with an attribute ``copies`` that is true, which does the same.
4. ``eof_received`` comes at most once, after all data. A stream with one direction ended stays open until the
   other direction ends too (then it ends by itself) or it is closed.
5. Several objects may pause reading, each with its own :class:`Pause` flag; reading continues when all are clear.
6. ``close`` and ``abort`` are idempotent, writing after the end is dropped, and no method ever raises for a
   network reason. ``connection_lost`` comes exactly once, last, never from within ``close`` or ``abort``.
7. A receiver attached later gets the calls for everything that still holds: ``pause_writing``, ``eof_received``,
   ``connection_lost``. So nothing is lost when the receiver changes after the peer ended the stream.
8. A receiver that raises ends its own stream and nothing else: the exception goes to the log, the stream is aborted
   on the next loop turn, and ``connection_lost`` comes with an error. Other streams on the same carrier continue.

A stream may have a method ``writelines(parts)``, for a writer that has much in several buffers: it writes them as one,
and does not join them where it cuts them up anyway.

Sockets and layers are not defined here; :mod:`aiofrp.stream.layer` has what layers share.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from aiofrp.compiled.marks import mypyc_attr

#: What streams carry: immutable bytes, or a view onto them.
Buffer: TypeAlias = bytes | memoryview


class Pause(enum.IntEnum):
    """Why reading is paused. Each reason is one bit, which is set and cleared independently."""

    PEER = 1  #: the stream we forward to is full
    RATE = 2  #: a bandwidth limit is in debt
    WAIT = 4  #: there is no stream to forward to yet (a work connection is requested)
    ANSWERS = 64  #: the peer does not read our answers of the protocol itself (TLS alerts, pongs)


class Receiver(Protocol):
    """The object that a stream calls.

    Order of calls: ``data_received`` any number of times, ``eof_received`` at most once, ``connection_lost`` exactly
    once and last; ``pause_writing`` and ``resume_writing`` alternate until ``connection_lost``.
    """

    def data_received(self, data: Buffer, /) -> None:
        """``data`` was received, in order."""

    def eof_received(self) -> Any:
        """The peer has ended its direction; writing is still possible."""

    def connection_lost(self, exc: Exception | None, /) -> None:
        """The stream has ended. ``exc``: ``None`` after an orderly end, else a :class:`aiofrp.errors.FrpError`."""

    def pause_writing(self) -> None:
        """The stream buffers too many bytes: write nothing until ``resume_writing``."""

    def resume_writing(self) -> None:
        """The stream accepts data again."""


class Stream(Protocol):
    """A byte stream with flow control and half-close, over any transport."""

    def attach(self, receiver: Receiver, /) -> None:
        """Deliver to ``receiver`` from now on; a further call replaces the receiver."""

    def detach(self) -> None:
        """Stop delivering: received bytes are held until the next ``attach``."""

    def unread(self, data: Buffer, /) -> None:
        """Return received bytes to a detached stream; the next receiver gets them first."""

    def write(self, data: Buffer, /) -> None:
        """Queue ``data``; never blocks, never raises for a network reason."""

    def write_eof(self) -> None:
        """End our direction after the bytes written before; receiving continues."""

    def close(self) -> None:
        """Send the bytes written before, then end both directions."""

    def abort(self) -> None:
        """Drop unsent bytes and end at once; the peer gets an error where the transport has one."""

    def pause_reading(self, why: Pause = Pause.PEER, /) -> None:
        """Stop delivering, for this reason; idempotent."""

    def resume_reading(self, why: Pause = Pause.PEER, /) -> None:
        """Clear this reason; delivery continues when no other is set."""

    def info(self, key: str, /) -> Any:
        """A fact about the stream by its name (``peername``, ``sockname``, ``layers``), or ``None``."""


@mypyc_attr(allow_interpreted_subclasses=True)
class NullReceiver:
    """A receiver that ignores all calls; streams use it before ``attach`` and after the end."""

    __slots__ = ()

    def data_received(self, data: Buffer, /) -> None:
        pass

    def eof_received(self) -> None:
        pass

    def connection_lost(self, exc: Exception | None, /) -> None:
        pass

    def pause_writing(self) -> None:
        pass

    def resume_writing(self) -> None:
        pass


NULL_RECEIVER = NullReceiver()


def drop(data: Buffer, /) -> None:
    """A ``write`` for streams that have ended."""


def nothing() -> None:
    """A callback that does nothing."""


def describe(info: Mapping[str, Any]) -> str:
    """One line about a stream for logs: its layers from the top and the peer's address."""
    layers = "/".join(info.get("layers") or ("?",))
    return f"{layers} {info.get('peername')}"
