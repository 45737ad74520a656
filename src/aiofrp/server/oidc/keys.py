"""The keys of a provider, fetched when a token needs one that is not there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiofrp.errors import AuthError, FrpError
from aiofrp.server.oidc.token import Key, SignedToken

#: Seconds between two times that keys are fetched, whatever the tokens say.
REFETCH = 5.0
#: Seconds after which the keys are fetched again before they are used; those of a provider that does not answer stay.
KEYS_AGE = 3600.0


class KeyCache:
    """The present keys. ``fetch`` gets them; ``clock`` gives seconds that only grow."""

    def __init__(
        self, fetch: Callable[[], Awaitable[tuple[Key, ...]]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._keys: tuple[Key, ...] = ()  # limited by MAX_KEYS
        self._tried = self._fetched = float("-inf")
        self._failure = ""  # of the last time, or empty
        self._fetching = asyncio.Lock()

    async def payload(self, token: SignedToken) -> bytes:
        """What ``token`` says, verified. Raises :class:`~aiofrp.errors.AuthError`."""
        if self._clock() - self._fetched >= KEYS_AGE:
            await self._refresh()
        payload = token.payload(self._keys)
        if payload is None:
            await self._refresh()
            payload = token.payload(self._keys)
        if payload is None:
            raise AuthError(
                f"failed to verify signature: {self._failure or 'failed to verify id token signature'}"
            )
        return payload

    async def _refresh(self) -> None:
        """Fetch the keys, unless somebody has within :data:`REFETCH`; who comes meanwhile waits for the same answer."""
        async with self._fetching:
            if self._clock() - self._tried < REFETCH:
                return
            before, self._tried = self._tried, self._clock()
            try:
                self._keys = await self._fetch()
            except asyncio.CancelledError:
                self._tried = before  # the next one waiting fetches them
                raise
            except FrpError as exc:
                self._failure = f"fetching keys oidc: get keys failed {exc}"
            else:
                self._fetched, self._failure = self._clock(), ""
