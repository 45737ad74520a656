"""Callers that wait for a stream: each is called once, in order, with a stream or the reason why there is none."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, cast

import pytest

from aiofrp.errors import Closed, FrpError
from aiofrp.stream.layer import LayerStream
from aiofrp.stream.quic import waiters as module
from aiofrp.stream.quic.core.errors import NoMoreStreams
from aiofrp.stream.quic.stream import QuicStream
from aiofrp.stream.quic.waiters import StreamWaiters


class Peer:
    """Allows ``allowed`` streams more, which are only numbers here, until the connection is ``closed``."""

    def __init__(self) -> None:
        self.allowed = 0
        self.closed = False
        self.opened = 0
        self.faults: list[BaseException] = []

    def open(self) -> QuicStream:
        if self.closed:
            raise Closed("closed")
        if self.opened == self.allowed:
            raise NoMoreStreams("no more")
        self.opened += 1
        return cast("QuicStream", Opened(self))


class Opened(LayerStream):
    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self.number = peer.opened
        self._faults = peer.faults

    def receiver_failed(self, exc: BaseException) -> None:
        self._faults.append(exc)


class Calls:
    """What the callers were called with, by their names."""

    def __init__(self) -> None:
        self.made: list[tuple[str, Any]] = []

    def of(self, name: str) -> tuple[Callable[[QuicStream], None], Callable[[FrpError], None]]:
        def ready(stream: QuicStream) -> None:
            self.made.append((name, cast("Any", stream).number))

        def failed(exc: FrpError) -> None:
            self.made.append((name, str(exc)))

        return ready, failed


def test_they_are_served_in_order_as_far_as_the_peer_allows() -> None:
    peer, calls, waiters = Peer(), Calls(), StreamWaiters()
    peer.allowed = 1
    for name in "abcd":
        waiters.open(peer.open, *calls.of(name))
    assert calls.made == [("a", 1)]
    assert len(waiters) == 3
    peer.allowed = 3
    waiters.serve(peer.open)
    assert calls.made == [("a", 1), ("b", 2), ("c", 3)]
    peer.closed = True
    waiters.serve(peer.open)
    waiters.open(peer.open, *calls.of("e"))
    assert calls.made[3:] == [("e", "closed")]
    waiters.fail("the end")
    assert calls.made[4:] == [("d", "the end")]
    assert not waiters


def test_more_than_may_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITERS", 1)
    peer, calls, waiters = Peer(), Calls(), StreamWaiters()
    for name in "ab":
        waiters.open(peer.open, *calls.of(name))
    assert calls.made == [("b", "no more")]
    assert len(waiters) == 1


def test_a_caller_that_raises_harms_no_other(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: object) -> None:
        raise ValueError("a fault of the caller")

    peer, calls, waiters = Peer(), Calls(), StreamWaiters()
    waiters.open(peer.open, fails, fails)
    waiters.open(peer.open, *calls.of("b"))
    peer.allowed = 2
    waiters.serve(peer.open)
    assert calls.made == [("b", 2)]
    assert [str(fault) for fault in peer.faults] == ["a fault of the caller"]
    waiters.open(peer.open, fails, fails)
    waiters.open(peer.open, *calls.of("d"))
    with caplog.at_level(logging.ERROR):
        waiters.fail("the end")
    assert calls.made[1:] == [("d", "the end")]
    assert "a caller that waited for a QUIC stream failed" in caplog.text
