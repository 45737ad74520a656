"""The two kinds of session over byte-stream transports: one shared carrier, or a fresh dial each time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from aiofrp.aio import Scope
from aiofrp.errors import Closed, ConfigError, ConnectFailed, FrpError, TimedOut
from aiofrp.stream.base import Stream
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.tls.client import secured
from aiofrp.transport.base import DialOptions, Session
from aiofrp.transport.net import join_host_port
from aiofrp.wire.sniff import TLS_LEAD

#: Makes one carrier, all layers below yamux included.
Dial: TypeAlias = Callable[[], Awaitable[Stream]]


async def session_over(dial: Dial, options: DialOptions, secure: Securer | None = None) -> Session:
    """A session whose carriers ``dial`` makes; one deadline covers all layers of each dial. ``secure``
    says what a dial waited for at its deadline."""
    bounded = _with_deadline(dial, options, secure)
    carrier = await bounded()
    if options.mux:
        return SharedSession(carrier, MuxLimits(keepalive_interval=options.mux_keepalive))
    return DialSession(bounded, carrier)


class Securer:
    """Puts TLS on carriers of one server.

    Sessions are not resumed: with TLS 1.3 the saved signature costs less than the standard library's handling of
    sessions (measured: 65 µs of 470 against 400).

    ``lead_byte``: whether frp's lead byte may go first, where it is configured.
    """

    def __init__(self, options: DialOptions, *, lead_byte: bool = True) -> None:
        self._options = options
        self._lead_byte = lead_byte and options.tls_lead_byte
        self.step = ""  #: the exchange that the latest dial has begun, after its connection was made

    async def __call__(self, carrier: Stream) -> Stream:
        """``carrier`` with TLS on it as configured; the carrier itself when TLS is off."""
        options = self._options
        if options.tls is None:
            return carrier
        try:
            context = options.tls()
        except ConfigError:
            carrier.abort()
            raise
        self.step = "TLS handshake"
        if self._lead_byte:
            carrier.write(bytes((TLS_LEAD,)))
        name = options.tls_name or None
        return await secured(carrier, context, name, options.timeout, gathers=options.mux)


class SharedSession(Session):
    """Every logical connection is a yamux stream of one carrier."""

    def __init__(self, carrier: Stream, limits: MuxLimits) -> None:
        self._mux = MuxSession(
            carrier, client=True, on_stream=self.opened_by_peer, on_lost=self._lost, limits=limits
        )

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        try:
            stream = self._mux.open()
        except Closed as exc:
            failed(exc)
            return
        ready(stream)

    @property
    def answered(self) -> bool:
        return self._mux.answered

    async def close(self) -> None:
        self._mux.close()

    async def abort(self) -> None:
        self._mux.abort()

    def _lost(self, exc: Exception | None) -> None:
        if self.on_lost is not None:
            self.on_lost(exc)


class DialSession(Session):
    """Every logical connection is a carrier of its own; the first one is made already."""

    def __init__(self, dial: Dial, first: Stream) -> None:
        self._dial = dial
        self._first: Stream | None = first
        self._scope = Scope("dial")

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        first, self._first = self._first, None
        if first is not None:
            ready(first)
        else:
            self._scope.spawn(self._open(ready, failed), "open")

    async def close(self) -> None:
        if self._first is not None:
            self._first.abort()
        await self._scope.close()

    async def _open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        try:
            stream = await self._dial()
        except FrpError as exc:
            failed(exc)
        else:
            ready(stream)


def _with_deadline(dial: Dial, options: DialOptions, secure: Securer | None) -> Dial:
    async def bounded() -> Stream:
        if secure is not None:
            secure.step = ""
        try:
            async with asyncio.timeout(options.timeout):
                return await dial()
        except TimeoutError:
            where = join_host_port(options.host, options.port)
            if secure is not None and secure.step:
                raise TimedOut(
                    f"no answer to the {secure.step} from {where} within {options.timeout:g} s"
                ) from None
            raise ConnectFailed(f"no connection to {where} within {options.timeout:g} s") from None

    return bounded
