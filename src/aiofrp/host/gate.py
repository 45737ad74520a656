"""The gate that every user of a proxy passes before a work connection is taken.

A connection to a port, a domain or a door passes once, an HTTP request passes once, and so does each new source
address of a udp proxy. Where no hook is asked the gate answers in the same call and costs neither a task nor a future;
the answer of a plugin costs a future and no task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from aiofrp import faults
from aiofrp.aio import Scope, Steps, TimeLimit
from aiofrp.errors import Closed, FrpError, TimedOut
from aiofrp.host.user import UserInfo

#: Users of one proxy that wait for an answer at most; more are refused at once.
MAX_WAITING = 1024
#: Seconds a user waits for an answer at most.
TIMEOUT = 60.0
_STOPPED = "the server stops"


Ask = Callable[[UserInfo], Coroutine[Any, Any, None]]
"""Returns for a user who may enter, and raises :class:`~aiofrp.errors.FrpError` for one who may not."""


class Gate:
    """The gate of one proxy. A user who waits holds up nobody else."""

    __slots__ = ("_ask", "_limit", "_scope", "_stepped", "_waiting")

    def __init__(self, ask: Ask | None, scope: Scope, *, stepped: bool = False) -> None:
        """``ask`` is ``None`` where every user may enter. It runs in a task of ``scope``; or, with ``stepped``, without
        one, see :class:`~aiofrp.aio.Steps`, and then it ends by itself when the server stops."""
        self._ask = ask
        self._scope = scope
        self._stepped = stepped
        self._waiting = 0  # limited by MAX_WAITING
        self._limit = TimeLimit(TIMEOUT)

    @property
    def open(self) -> bool:
        """Whether every user is admitted in the same call."""
        return self._ask is None

    def admit(self, user: UserInfo, ready: Callable[[], None], refused: Callable[[FrpError], None]) -> None:
        """Exactly one of ``ready`` and ``refused`` is called, once: in this call, or later."""
        if self._ask is None:
            ready()
        elif self._waiting >= MAX_WAITING:
            refused(Closed(f"{MAX_WAITING} users of the proxy are already waiting to be admitted"))
        elif self._stepped:
            waiting = _Applicant(self, ready, refused)
            self._limit.start(waiting)
            self._waiting += 1
            waiting.ask(self._ask(user))
        else:
            self._spawn(self._ask(user), ready, refused)

    def left(self, waiting: _Applicant) -> None:
        """``waiting`` waits no longer."""
        self._limit.stop(waiting)
        self._waiting -= 1

    def _spawn(
        self,
        answer: Coroutine[Any, Any, None],
        ready: Callable[[], None],
        refused: Callable[[FrpError], None],
    ) -> None:
        task = self._scope.spawn(_in_time(answer), "admit")
        if task is None:
            answer.close()
            refused(Closed(_STOPPED))
            return
        self._waiting += 1

        def decided(task: asyncio.Task[FrpError | None]) -> None:
            self._waiting -= 1
            error = Closed(_STOPPED) if task.cancelled() else task.result()
            _decide(error, ready, refused)

        task.add_done_callback(decided)


class _Applicant:
    """A user who waits for an answer that needs no task."""

    __slots__ = ("_gate", "_ready", "_refused", "_steps")

    def __init__(self, gate: Gate, ready: Callable[[], None], refused: Callable[[FrpError], None]) -> None:
        self._gate = gate
        self._ready = ready
        self._refused = refused

    def ask(self, answer: Coroutine[Any, Any, None]) -> None:
        """Begin to wait for ``answer``."""
        self._steps = Steps(answer, self._admitted, self._failed)
        self._steps.go()

    def time_out(self) -> None:
        """There was no answer in time."""
        self._steps.stop()
        self._decided(_too_late())

    def _admitted(self, _: None) -> None:
        self._decided(None)

    def _failed(self, exc: Exception) -> None:
        self._decided(_reason(exc))

    def _decided(self, error: FrpError | None) -> None:
        self._gate.left(self)
        _decide(error, self._ready, self._refused)


def _decide(error: FrpError | None, ready: Callable[[], None], refused: Callable[[FrpError], None]) -> None:
    if error is None:
        faults.call("an admitted user was not served", ready)
    else:
        faults.call("a user was not refused", refused, error)


async def _in_time(answer: Coroutine[Any, Any, None]) -> FrpError | None:
    """Await ``answer``, for :data:`TIMEOUT` seconds at most; returns ``None`` or the reason of a refusal."""
    try:
        async with asyncio.timeout(TIMEOUT):
            await answer
    except TimeoutError:
        return _too_late()
    except Exception as exc:  # noqa: BLE001 - the guard around what is not ours
        return _reason(exc)
    return None


def _too_late() -> FrpError:
    return TimedOut(f"no answer within {TIMEOUT:g} s to whether the user may enter")


def _reason(exc: Exception) -> FrpError:
    """Why a user is refused. An unexpected exception of a hook is logged."""
    if isinstance(exc, FrpError):
        return exc
    faults.report("a hook failed on a user", exc)
    return Closed("internal error of the server")
