"""Where the tokens of frpc come from, and how long each is used."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiofrp import logs
from aiofrp.aio import Scope
from aiofrp.client.oidc.endpoint import Issued
from aiofrp.config.load.valuesource import resolve
from aiofrp.config.models.shared import ValueSource
from aiofrp.errors import AuthError, Closed, FrpError
from aiofrp.transport.threads import UserThreads

#: Seconds before its end from which a token is no longer sent, at most half of its life.
SPARE = 10.0
#: The part of its life, and seconds at most, in which it is still sent while the next one is fetched.
RENEWAL, LONGEST_RENEWAL = 0.2, 300.0
#: Seconds a token is used whose end is unknown: as long as a burst of work connections takes.
UNKNOWN = 1.0
#: Seconds the command of ``tokenSource`` may take.
COMMAND_TIME = 30.0

_log = logs.get(__name__)


class TokenGiver(Protocol):
    """Gives the token to send."""

    async def token(self) -> str:
        """The present token. Raises :class:`~aiofrp.errors.AuthError`."""


class Shared:
    """One call at a time: who comes while it runs gets its result, too."""

    def __init__(self, call: Callable[[], Awaitable[None]], scope: Scope) -> None:
        self._call = call
        self._scope = scope
        self._running: asyncio.Task[FrpError | None] | None = None

    def begin(self) -> asyncio.Task[FrpError | None]:
        """Start the call unless it runs. The task's result is its failure. Raises :class:`~aiofrp.errors.Closed`."""
        if self._running is None or self._running.done():
            self._running = self._scope.spawn(self._run(), "token")
        if self._running is None:
            raise Closed("frpc stops")
        return self._running

    async def done(self) -> None:
        """Wait for the call; raises its failure."""
        if (failure := await asyncio.shield(self.begin())) is not None:
            raise failure

    async def _run(self) -> FrpError | None:
        try:
            await self._call()
        except FrpError as exc:
            return exc
        return None


class EndpointTokens:
    """Tokens of an endpoint, each used until shortly before its end.

    ``issue`` gets a new one; ``scope`` owns the task that waits for it; ``clock`` gives seconds that only grow. In the
    last part of a token's life the next one is fetched while the old one is still sent, so nobody waits.
    """

    def __init__(
        self,
        issue: Callable[[], Awaitable[Issued]],
        scope: Scope,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issue = issue
        self._clock = clock
        self._fetch = Shared(self._renew, scope)
        self._token = ""
        self._renew_at = self._end = float("-inf")

    async def token(self) -> str:
        """The present token, fetched where there is none. Raises :class:`~aiofrp.errors.AuthError`."""
        now = self._clock()
        if now >= self._end:
            try:
                await self._fetch.done()
            except FrpError as exc:
                raise AuthError(f"couldn't generate OIDC token for login: {exc}") from exc
        elif now >= self._renew_at:
            self._fetch.begin()
        return self._token

    async def _renew(self) -> None:
        asked = self._clock()
        try:
            issued = await self._issue()
        except FrpError as exc:
            if asked < self._end:
                _log.warning("couldn't renew the OIDC token, the present one is used further: %s", exc)
            raise
        life = issued.lifetime
        self._token = issued.token
        if life is None:
            self._end = self._renew_at = asked + UNKNOWN
        else:
            self._end = asked + life - min(SPARE, life / 2)
            self._renew_at = self._end - min(LONGEST_RENEWAL, life * RENEWAL)


class SourceTokens:
    """Tokens of ``tokenSource``: read each time one is needed, for what renews them is elsewhere."""

    def __init__(self, source: ValueSource, scope: Scope) -> None:
        self._source = source
        self._read = Shared(self._resolve, scope)
        self._threads = UserThreads(1)
        self._token = ""

    async def token(self) -> str:
        """The token as it is now. Raises :class:`~aiofrp.errors.AuthError`."""
        try:
            await self._read.done()
        except FrpError as exc:
            raise AuthError(f"couldn't acquire OIDC token for login: {exc}") from exc
        return self._token

    async def _resolve(self) -> None:
        self._token = (await self._threads.run(resolve, self._source, COMMAND_TIME)).reveal()
