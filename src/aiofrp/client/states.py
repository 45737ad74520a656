"""The states of one proxy on frpc: pure decisions, time passed in (docs/protocol/client.md §2.1)."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable

#: Seconds after which an unanswered NewProxy is sent again, and a refused one tried again
#: (docs/protocol/client.md §2.1).
RESEND_AFTER, RETRY_AFTER = 20.0, 30.0
#: Seconds between two checks of every proxy (docs/protocol/client.md §2.1).
CHECK_EVERY = 3.0
#: Seconds for which status says why datagrams were lost.
LATELY = 60.0


class Phase(enum.Enum):
    """Where a proxy stands; the values are the texts of ``frpc status``."""

    NEW = "new"
    WAIT_START = "wait start"
    START_ERROR = "start error"
    RUNNING = "running"
    CHECK_FAILED = "check failed"
    CLOSED = "closed"


class Action(enum.Enum):
    """The message to send to the server for a proxy, if any."""

    NOTHING = enum.auto()
    ANNOUNCE = enum.auto()  #: NewProxy
    WITHDRAW = enum.auto()  #: CloseProxy


class ProxyState:
    """Phase, last error and remote address of one proxy."""

    __slots__ = ("_since", "error", "healthy", "phase", "remote_addr")

    def __init__(self, *, healthy: bool = True) -> None:
        """``healthy`` is False for a proxy whose first health check has not succeeded yet."""
        self.phase = Phase.NEW
        self.error = ""
        self.remote_addr = ""
        self.healthy = healthy
        self._since = 0.0

    def __repr__(self) -> str:
        return f"<ProxyState {self.phase.value} error={self.error!r} remote_addr={self.remote_addr!r}>"

    def next_action(self, now: float) -> Action:
        """What is to be sent at ``now`` (seconds of a monotonic clock); the state is then the one after it was sent."""
        if not self.healthy:
            if self.phase in (Phase.RUNNING, Phase.WAIT_START):
                self._enter(Phase.CHECK_FAILED, now)
                return Action.WITHDRAW
            return Action.NOTHING
        if self._due(now):
            self._enter(Phase.WAIT_START, now)
            return Action.ANNOUNCE
        return Action.NOTHING

    def answered(self, remote_addr: str, error: str, now: float) -> bool:
        """The server answered NewProxy, with ``error`` or, when that is empty, with the address of users.

        It also says so unasked when its operator disables a running proxy or enables it again. Returns False, and
        changes nothing, when neither can be meant."""
        expected = (Phase.WAIT_START, Phase.RUNNING if error else Phase.START_ERROR)
        if self.phase not in expected:
            return False
        self._enter(Phase.START_ERROR if error else Phase.RUNNING, now)
        self.error = error
        self.remote_addr = "" if error else remote_addr
        return True

    def close(self) -> bool:
        """The proxy ends; returns whether the server knows it, so that it is to be withdrawn."""
        known = self.phase in (Phase.RUNNING, Phase.WAIT_START)
        self.phase = Phase.CLOSED
        return known

    def _due(self, now: float) -> bool:
        waited = now - self._since
        match self.phase:
            case Phase.NEW | Phase.CHECK_FAILED:
                return True
            case Phase.WAIT_START:
                return waited >= RESEND_AFTER
            case Phase.START_ERROR:
                return waited >= RETRY_AFTER
            case _:
                return False

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase = phase
        self._since = now


class Lost:
    """Datagrams that one proxy lost, by cause; there are few causes."""

    __slots__ = ("_at", "_clock", "counts")

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        self._clock = clock
        self._at: dict[str, float] = {}  # the last time
        self.counts: dict[str, int] = {}

    def add(self, cause: str, count: int) -> None:
        """``count`` more were lost by ``cause``."""
        self.counts[cause] = self.counts.get(cause, 0) + count
        self._at[cause] = self._clock()

    def lately(self, cause: str) -> bool:
        """Whether datagrams were lost by ``cause`` in the last :data:`LATELY` seconds."""
        at = self._at.get(cause)
        return at is not None and self._clock() - at < LATELY
