"""The gate that every user of a proxy passes before a work connection is taken.

A connection to a port, a domain or a door passes once, an HTTP request passes once, and so does each new source
address of a udp proxy. Where no hook is asked the gate answers in the same call and costs neither a task nor a future.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiofrp import faults
from aiofrp.aio import Scope
from aiofrp.errors import Closed, FrpError, TimedOut

#: Users of one proxy that wait for an answer at most; more are refused at once.
MAX_WAITING = 1024
#: Seconds a user waits for an answer at most.
TIMEOUT = 60.0
_STOPPED = "the server stops"


@dataclass(frozen=True, slots=True)
class UserInfo:
    """Who wants to enter, and where."""

    proxy_name: str  #: on the wire
    proxy_type: str
    address: tuple[str, int]  #: of the user: IP text (empty where there is none) and port


Ask = Callable[[UserInfo], Awaitable[None]]
"""Returns for a user who may enter, and raises :class:`~aiofrp.errors.FrpError` for one who may not."""


class Gate:
    """The gate of one proxy. ``ask`` is ``None`` where every user may enter; ``scope`` owns the tasks of users who
    wait. A user who waits holds up nobody else."""

    __slots__ = ("_ask", "_scope", "_waiting")

    def __init__(self, ask: Ask | None, scope: Scope) -> None:
        self._ask = ask
        self._scope = scope
        self._waiting = 0  # limited by MAX_WAITING

    @property
    def open(self) -> bool:
        """Whether every user is admitted in the same call."""
        return self._ask is None

    def admit(self, user: UserInfo, ready: Callable[[], None], refused: Callable[[FrpError], None]) -> None:
        """Exactly one of ``ready`` and ``refused`` is called, once: in this call, or later by a task."""
        if self._ask is None:
            ready()
            return
        if self._waiting >= MAX_WAITING:
            refused(Closed(f"{MAX_WAITING} users of the proxy are already waiting to be admitted"))
            return
        task = self._scope.spawn(_answer(self._ask, user), "admit")
        if task is None:
            refused(Closed(_STOPPED))
            return
        self._waiting += 1

        def decided(task: asyncio.Task[FrpError | None]) -> None:
            self._waiting -= 1
            error = Closed(_STOPPED) if task.cancelled() else task.result()
            if error is None:
                faults.call("an admitted user was not served", ready)
            else:
                faults.call("a user was not refused", refused, error)

        task.add_done_callback(decided)


async def _answer(ask: Ask, user: UserInfo) -> FrpError | None:
    """Ask, for :data:`TIMEOUT` seconds at most; returns ``None`` or the reason of a refusal. An unexpected exception of
    ``ask`` is logged and refuses the user."""
    try:
        async with asyncio.timeout(TIMEOUT):
            await ask(user)
    except TimeoutError:
        return TimedOut(f"no answer within {TIMEOUT:g} s to whether the user may enter")
    except FrpError as exc:
        return exc
    except Exception as exc:  # noqa: BLE001 - the guard around what is not ours
        faults.report("a hook failed on a user", exc)
        return Closed("internal error of the server")
    return None
