"""The one place that may refuse or change what clients and users ask frps for
(docs/protocol/server.md §11)."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Collection, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from aiofrp import faults
from aiofrp.errors import FrpError, ProxyError, TimedOut
from aiofrp.host.user import UserInfo
from aiofrp.wire.frp.messages import CloseProxy, Login, NewProxy, NewWorkConn, Ping

_T = TypeVar("_T")


class Op(enum.StrEnum):
    """The events hooks may be asked about; the values are the names in a configuration."""

    LOGIN = "Login"
    NEW_PROXY = "NewProxy"
    CLOSE_PROXY = "CloseProxy"
    PING = "Ping"
    NEW_WORK_CONN = "NewWorkConn"
    NEW_USER_CONN = "NewUserConn"


class ClientInfo(Struct, frozen=True):
    """The client a hook is asked about: its user, ``metadatas`` and run id."""

    user: str
    metas: Mapping[str, str]
    run_id: str

    def __repr__(self) -> str:
        return f"ClientInfo(user={self.user!r}, run_id={self.run_id!r})"  # metas may have secrets


class Hooks(Protocol):
    """Awaited before frps does what it is asked for. Each method gets the message and returns the one to use instead,
    or raises :class:`~aiofrp.errors.FrpError` with the reason of a refusal.

    Only what :attr:`asked` names is called. A method may take its time: it holds up the messages of that client, or
    that connection, and no others.
    """

    @property
    def asked(self) -> Collection[Op]:
        """The events these hooks want to be asked about."""

    @property
    def needs_no_task(self) -> bool:
        """Whether :meth:`new_user_conn` awaits futures of the event loop alone, and ends when the server stops; it is
        not called in a task then, see :class:`~aiofrp.aio.Steps`."""

    def asks_about_users(self, proxy_type: str) -> bool:
        """Whether :meth:`new_user_conn` is to be called for users of proxies of a type, where :attr:`asked` names it;
        where not, users enter in the same call."""

    async def login(self, message: Login, address: str) -> Login:
        """A client logs in from ``address`` (``ip:port``); its credential is verified afterwards."""

    async def new_proxy(self, message: NewProxy, client: ClientInfo) -> NewProxy:
        """A client publishes a proxy; it is registered, and answered, as what is returned."""

    async def close_proxy(self, message: CloseProxy, client: ClientInfo) -> None:
        """A proxy was taken back or its session ended. Called in the background; it cannot be refused."""

    async def ping(self, message: Ping, client: ClientInfo) -> Ping:
        """A client's heartbeat; its credential is verified afterwards."""

    async def new_work_conn(self, message: NewWorkConn, client: ClientInfo) -> NewWorkConn:
        """A work connection of a client; its credential is verified afterwards."""

    async def new_user_conn(self, user: UserInfo, client: ClientInfo) -> None:
        """A user of a proxy of ``client`` wants to enter; see :mod:`aiofrp.host.gate`."""


async def guarded(answer: Awaitable[_T], timeout: float | None = None) -> _T:
    """Await what a hook or a verifier answers, at most ``timeout`` seconds (``None``: without end).

    Raises its refusal, :class:`~aiofrp.errors.TimedOut`, and for a mistake of its author, which is logged, a
    :class:`~aiofrp.errors.ProxyError` that says no more.
    """
    try:
        async with asyncio.timeout(timeout) as limit:
            return await answer
    except FrpError:
        raise
    except TimeoutError as exc:
        if limit.expired():
            raise TimedOut(f"no answer within {timeout} s") from None
        raise _mistake(exc) from None
    except Exception as exc:  # noqa: BLE001 - the guard around what is not ours
        raise _mistake(exc) from None


def _mistake(exc: Exception) -> ProxyError:
    faults.report("a hook or verifier failed", exc)
    return ProxyError("internal error of the server")


class NoHooks:
    """No hooks: frps recognises the empty :attr:`asked` and calls no method."""

    asked: Collection[Op] = frozenset()
    needs_no_task = False  # what is written without a thought about it may need one

    def asks_about_users(self, proxy_type: str) -> bool:
        """Where users are asked about at all, those of every type."""
        return True

    async def login(self, message: Login, address: str) -> Login:
        """Allow every login, unchanged."""
        return message

    async def new_proxy(self, message: NewProxy, client: ClientInfo) -> NewProxy:
        """Publish every proxy as the client asked for it."""
        return message

    async def close_proxy(self, message: CloseProxy, client: ClientInfo) -> None:
        """Ignore that a proxy is closed."""

    async def ping(self, message: Ping, client: ClientInfo) -> Ping:
        """Allow every heartbeat."""
        return message

    async def new_work_conn(self, message: NewWorkConn, client: ClientInfo) -> NewWorkConn:
        """Allow every work connection."""
        return message

    async def new_user_conn(self, user: UserInfo, client: ClientInfo) -> None:
        """Allow every user."""


def in_turn(*hooks: Hooks) -> Hooks:
    """All of ``hooks`` as one: each is asked about what the one before left."""
    if not hooks:
        return NoHooks()
    return hooks[0] if len(hooks) == 1 else _InTurn(hooks)


class _InTurn:
    """Several hooks."""

    def __init__(self, hooks: Sequence[Hooks]) -> None:
        self._hooks = hooks
        self.asked = frozenset(op for each in hooks for op in each.asked)
        self.needs_no_task = all(each.needs_no_task for each in hooks)

    def asks_about_users(self, proxy_type: str) -> bool:
        return any(self._asking_users(proxy_type))

    async def login(self, message: Login, address: str) -> Login:
        for hooks in self._asking(Op.LOGIN):
            message = await hooks.login(message, address)
        return message

    async def new_proxy(self, message: NewProxy, client: ClientInfo) -> NewProxy:
        for hooks in self._asking(Op.NEW_PROXY):
            message = await hooks.new_proxy(message, client)
        return message

    async def close_proxy(self, message: CloseProxy, client: ClientInfo) -> None:
        """Call all hooks, also when one fails; the first failure is raised afterwards."""
        results = [await _outcome(each.close_proxy(message, client)) for each in self._asking(Op.CLOSE_PROXY)]
        for error in filter(None, results):
            raise error

    async def ping(self, message: Ping, client: ClientInfo) -> Ping:
        for hooks in self._asking(Op.PING):
            message = await hooks.ping(message, client)
        return message

    async def new_work_conn(self, message: NewWorkConn, client: ClientInfo) -> NewWorkConn:
        for hooks in self._asking(Op.NEW_WORK_CONN):
            message = await hooks.new_work_conn(message, client)
        return message

    async def new_user_conn(self, user: UserInfo, client: ClientInfo) -> None:
        for hooks in self._asking_users(user.proxy_type):
            await hooks.new_user_conn(user, client)

    def _asking(self, op: Op) -> Iterator[Hooks]:
        return (hooks for hooks in self._hooks if op in hooks.asked)

    def _asking_users(self, proxy_type: str) -> Iterator[Hooks]:
        return (hooks for hooks in self._asking(Op.NEW_USER_CONN) if hooks.asks_about_users(proxy_type))


async def _outcome(call: Awaitable[None]) -> Exception | None:
    try:
        await call
    except Exception as exc:  # noqa: BLE001 - raised by the caller
        return exc
    return None
