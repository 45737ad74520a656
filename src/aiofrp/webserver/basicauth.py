"""HTTP basic authentication (RFC 7617), checked in constant time, and how often a source may guess."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from typing import Final

from aiofrp.config.models.types import Secret
from aiofrp.errors import AuthError

#: Seconds until a wrong credential is answered (docs/protocol/client.md §6).
FAILURE_DELAY: Final = 0.2
#: Credentials of one source that wait for their turn; those beyond are refused unseen.
MAX_WAITING: Final = 10
#: What a refused client is told, in the header and in the body.
CHALLENGE: Final = 'Basic realm="Restricted"'
REFUSED: Final = "Unauthorized\n"


class BasicAuth:
    """One user and password; both empty let everybody in."""

    __slots__ = ("_expected", "open")

    def __init__(self, user: str, password: Secret) -> None:
        self.open = not user and not password
        self._expected = f"{user}:{password.reveal()}".encode("utf-8", "surrogateescape")

    def admits(self, header: str) -> bool:
        """Whether an ``Authorization`` header (empty: there is none) shows the right user and password."""
        if self.open:
            return True
        scheme, _, encoded = header.partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(encoded.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(given, self._expected)


class TooManyGuesses(AuthError):
    """A source shows more credentials at once than are looked at."""


class Guesses:
    """Looks at the credentials of each source one after the other.

    A wrong one takes :data:`FAILURE_DELAY` seconds, in which the next one of the same source is not looked at; so a
    source has ``1 / FAILURE_DELAY`` guesses a second. Other sources do not wait.
    """

    __slots__ = ("_auth", "_queues")

    def __init__(self, auth: BasicAuth) -> None:
        self._auth = auth
        self._queues: dict[str, _Queue] = {}  # of sources whose requests are looked at now

    def __len__(self) -> int:
        return len(self._queues)

    async def admits(self, source: str, header: str) -> bool:
        """Whether the ``Authorization`` header (empty: there is none) of a request from ``source`` is right.

        Raises :class:`TooManyGuesses` when :data:`MAX_WAITING` credentials of the source wait.
        """
        if self._auth.open:
            return True
        if not header:  # that is no guess, and not in anybody's way
            await asyncio.sleep(FAILURE_DELAY)
            return False
        queue = self._queues.setdefault(source, _Queue())
        if queue.length >= MAX_WAITING:
            raise TooManyGuesses("too many wrong passwords come from this address")
        queue.length += 1
        try:
            return await self._in_turn(queue, header)
        finally:
            queue.length -= 1
            if not queue.length:
                self._queues.pop(source, None)

    async def _in_turn(self, queue: _Queue, header: str) -> bool:
        async with queue.lock:
            admitted = self._auth.admits(header)
            if not admitted:
                await asyncio.sleep(FAILURE_DELAY)
            return admitted


class _Queue:
    """Requests of one source: the lock is taken in the order they came."""

    __slots__ = ("length", "lock")

    def __init__(self) -> None:
        self.length = 0  # limited by MAX_WAITING
        self.lock = asyncio.Lock()
