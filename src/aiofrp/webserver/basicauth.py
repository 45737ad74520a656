"""HTTP basic authentication (RFC 7617), compared in constant time, and a limit of guesses for each source."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from typing import Final

from aiofrp.config.models.types import Secret
from aiofrp.errors import AuthError

#: Seconds before a wrong credential is answered (docs/protocol/client.md §6).
FAILURE_DELAY: Final = 0.2
#: Most credentials of one source that wait to be checked; further ones are refused without a check.
MAX_WAITING: Final = 10
#: The WWW-Authenticate field and the body of the answer to a refused client.
CHALLENGE: Final = 'Basic realm="Restricted"'
REFUSED: Final = "Unauthorized\n"


class BasicAuth:
    """The check of one user name and password. ``open``: both are empty, and every request is admitted."""

    __slots__ = ("_expected", "open")

    def __init__(self, user: str, password: Secret) -> None:
        self.open = not user and not password
        self._expected = f"{user}:{password.reveal()}".encode("utf-8", "surrogateescape")

    def admits(self, header: str) -> bool:
        """Whether the value of an ``Authorization`` field (empty: there is none) has the right user and password."""
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
    """More than :data:`MAX_WAITING` credentials of one source wait to be checked."""


class Guesses:
    """Checks the credentials of each source one after the other.

    A wrong one takes :data:`FAILURE_DELAY` seconds, and the next one of the same source is checked afterwards; so a
    source has ``1 / FAILURE_DELAY`` guesses a second. Other sources do not wait. The length is the number of sources
    whose credentials are being checked.
    """

    __slots__ = ("_auth", "_queues")

    def __init__(self, auth: BasicAuth) -> None:
        self._auth = auth
        self._queues: dict[str, _Queue] = {}  # by source, while one of its credentials is being checked

    def __len__(self) -> int:
        return len(self._queues)

    async def admits(self, source: str, header: str) -> bool:
        """Whether the ``Authorization`` field ``header`` (empty: there is none) of a request from ``source`` is right.

        ``source``: the result of :func:`~aiofrp.wire.addresses.source_of`. Raises :class:`TooManyGuesses` when
        :data:`MAX_WAITING` credentials of the source wait.
        """
        if self._auth.open:
            return True
        if not header:  # this is no guess, so it does not delay the guesses of the source
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
    """The credentials of one source that wait; the lock is acquired in the order of arrival."""

    __slots__ = ("length", "lock")

    def __init__(self) -> None:
        self.length = 0  # limited by MAX_WAITING
        self.lock = asyncio.Lock()
