"""When the credit of a QUIC stream is withheld, and how often it is sent once its receiver took what was held."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.stream.quic.core.connection import QuicCore

#: Withhold MAX_STREAM_DATA of a stream at so many bytes held, resume at so many; up to one window may still arrive.
WITHHOLD_AT, RELEASE_AT = 256 * 1024, 128 * 1024
#: Send credit up to so many times, since its packets may get lost; again after so many seconds first, then doubling.
RESENDS, RESEND_AFTER = 10, 0.1
#: The number of the PING that makes a packet for credit; no keep-alive has it.
_CREDIT_PING = 1 << 40


class CreditPolicy:
    """The policy of one connection. ``flush`` is called when there is a packet to send."""

    __slots__ = ("_core", "_ended", "_flush", "_loop", "_timer")

    def __init__(self, core: QuicCore, flush: Callable[[], None]) -> None:
        self._core = core
        self._flush = flush
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._ended = False

    def held_changed(self, stream_id: int, held: int, size: int) -> None:
        """``held`` bytes of a stream are held for its receiver, ``size`` more than before, or less when negative."""
        if size > 0:
            if held >= WITHHOLD_AT:
                self._core.credit.withhold(stream_id)
        elif held - size > RELEASE_AT >= held:
            self._core.credit.release(stream_id)
            self._send()

    def end(self) -> None:
        """Send nothing any more; idempotent."""
        self._ended = True
        self._cancel()

    def _send(self, tries: int = RESENDS) -> None:
        """Send the credit that streams have again, up to ``tries`` times: until the peer sends more than it could
        without it."""
        self._cancel()
        if self._ended or not self._core.credit.announce():
            return
        if not tries:
            self._core.credit.give_up()
            return
        self._core.send_ping(_CREDIT_PING)
        self._flush()
        after = RESEND_AFTER * 2 ** (RESENDS - tries)
        self._timer = self._loop.call_later(after, self._send, tries - 1)

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
