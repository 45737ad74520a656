"""The two kinds of session over byte-stream transports: one shared carrier, or a fresh dial each time."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from aiofrp.aio import Scope, Steps, TimeLimit
from aiofrp.errors import Closed, ConfigError, ConnectFailed, FrpError, TimedOut, TransportError
from aiofrp.faults import FAULTS, report
from aiofrp.stream.base import Stream
from aiofrp.stream.mux.limits import MuxLimits
from aiofrp.stream.mux.session import MuxSession
from aiofrp.stream.tls.client import secured
from aiofrp.transport.base import DialOptions, Session
from aiofrp.wire.addresses import join_host_port
from aiofrp.wire.sniff import TLS_LEAD

#: Makes one carrier, all layers below yamux included.
Dial: TypeAlias = Callable[[], Coroutine[Any, Any, Stream]]


async def session_over(
    dial: Dial, options: DialOptions, secure: Securer | None = None, *, steps: bool = False
) -> Session:
    """A session whose carriers ``dial`` makes; one deadline covers all layers of each dial. ``secure``
    says what a dial waited for at its deadline. ``steps``: ``dial`` can run by :class:`~aiofrp.aio.Steps`, which costs
    each connection no task and no timer."""
    too_late = TooLate(options, secure)
    carrier = await _with_deadline(dial, options.timeout, too_late)
    if options.mux:
        return SharedSession(carrier, MuxLimits(keepalive_interval=options.mux_keepalive))
    if steps:
        return SteppedSession(dial, carrier, options.timeout, too_late)
    return TaskSession(lambda: _with_deadline(dial, options.timeout, too_late), carrier)


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

    def __init__(self, first: Stream) -> None:
        self._first: Stream | None = first

    def open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        first, self._first = self._first, None
        if first is not None:
            ready(first)
        else:
            self.dial_for(ready, failed)

    @abstractmethod
    def dial_for(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        """Begin to make another carrier; one of ``ready`` and ``failed`` is called, unless the session is closed
        before."""

    async def close(self) -> None:
        if self._first is not None:
            self._first.abort()


class TaskSession(DialSession):
    """Each dial is a task."""

    def __init__(self, dial: Dial, first: Stream) -> None:
        super().__init__(first)
        self._dial = dial
        self._scope = Scope("dial")

    def dial_for(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        self._scope.spawn(self._open(ready, failed), "open")

    async def close(self) -> None:
        await super().close()
        await self._scope.close()

    async def _open(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        try:
            stream = await self._dial()
        except FrpError as exc:
            failed(exc)
        else:
            ready(stream)


class SteppedSession(DialSession):
    """The dials need no task: with one for each, and its timers, a connection without mux would cost a tenth more."""

    def __init__(self, dial: Dial, first: Stream, timeout: float, too_late: TooLate) -> None:
        """``timeout``: seconds for each dial; ``too_late`` makes the error of one that took longer."""
        super().__init__(first)
        self.dial = dial
        self.limit = TimeLimit(timeout)
        self.too_late = too_late
        self.dialling: set[_Dialling] = set()  #: limited by the client's idle work connections

    def dial_for(self, ready: Callable[[Stream], None], failed: Callable[[FrpError], None]) -> None:
        _Dialling(self, ready, failed)

    async def close(self) -> None:
        await super().close()
        for dialling in list(self.dialling):
            dialling.stop()


class _Dialling:
    """One dial of a :class:`SteppedSession`; it begins at once."""

    __slots__ = ("_failed", "_ready", "_session", "_steps")

    def __init__(
        self,
        session: SteppedSession,
        ready: Callable[[Stream], None],
        failed: Callable[[FrpError], None],
    ) -> None:
        self._session = session
        self._ready = ready
        self._failed = failed
        self._steps = Steps(session.dial(), self._made, self._not_made)
        session.too_late.begin()
        session.dialling.add(self)
        session.limit.start(self)
        self._steps.go()

    def stop(self) -> None:
        """End the dial without a call of ``ready`` or ``failed``."""
        self._over()
        self._steps.stop()

    def time_out(self) -> None:
        """The dial has taken too long."""
        self.stop()
        self._failed(self._session.too_late())

    def _over(self) -> None:
        self._session.limit.stop(self)
        self._session.dialling.discard(self)

    def _made(self, stream: Stream) -> None:
        self._over()
        try:
            self._ready(stream)
        except FAULTS as exc:
            report("the user of a connection to the server failed", exc)
            stream.abort()

    def _not_made(self, exc: Exception) -> None:
        self._over()
        if isinstance(exc, FrpError):
            self._failed(exc)
        else:
            report("a connection to the server failed", exc)
            self._failed(ConnectFailed(f"{type(exc).__name__}: {exc}"))


class TooLate:
    """Makes the error of a dial that is not done in time."""

    def __init__(self, options: DialOptions, secure: Securer | None) -> None:
        self._where = join_host_port(options.host, options.port)
        self._seconds = options.timeout
        self._secure = secure

    def begin(self) -> None:
        """A dial begins."""
        if self._secure is not None:
            self._secure.step = ""

    def __call__(self) -> TransportError:
        step = self._secure.step if self._secure is not None else ""
        if step:
            return TimedOut(f"no answer to the {step} from {self._where} within {self._seconds:g} s")
        return ConnectFailed(f"no connection to {self._where} within {self._seconds:g} s")


async def _with_deadline(dial: Dial, seconds: float, too_late: TooLate) -> Stream:
    too_late.begin()
    try:
        async with asyncio.timeout(seconds):
            return await dial()
    except TimeoutError:
        raise too_late() from None
