"""TLS over any stream, by :class:`ssl.MemoryBIO`.

One path serves TCP, KCP and WebSocket carriers, frp's 0x17 lead byte and the shared port (bytes already read are fed
in first). Plaintext records of one wake-up are delivered as one chunk. What is written in one loop turn is encrypted
and sent together, because wake-ups and system calls cost more than copies; but where turns have one write each it
leaves at once, so that a single message does not wait.

Half-close is a close_notify alert: the other direction goes on. A carrier that ends without one is an error, never a
clean end.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, cast

from aiofrp.errors import SEEN, Closed, TransportError
from aiofrp.stream.base import Buffer, Pause, Receiver, Stream
from aiofrp.stream.layer import LayerStream
from aiofrp.stream.lent import LENT, borrows, memory_of, own
from aiofrp.stream.tls.failures import TlsFailed, explain
from aiofrp.stream.tls.state import TRANSITIONS, TlsEvent, TlsState
from aiofrp.wire.addresses import is_address

if TYPE_CHECKING:  # pyOpenSSL is loaded only where certificates are verified
    from aiofrp.stream.tls.verified import Incoming, Outgoing, VerifiedTls, VerifyingContext

TlsContext: TypeAlias = "ssl.SSLContext | VerifyingContext"
"""What TLS is made with: the standard library's context, or ours that verifies as the reference does."""

#: A TLS record's largest plaintext, bytes (RFC 8446 §5.1).
_RECORD = 16384
#: Plaintext bytes gathered in one loop turn before they are encrypted at once.
_FLUSH_AT = 64 * 1024


class TlsStream(LayerStream):
    """A TLS session over ``lower``.

    The handshake starts at once on the client side. ``on_ready`` is called when it is done; a failure ends the stream
    with :class:`TlsFailed`. What is written before the handshake is done is held, within the writer's own limits.
    """

    borrows: ClassVar[bool] = True  #: as the receiver of its carrier, see :mod:`aiofrp.stream.lent`
    copies: ClassVar[bool] = True  #: what is written to it

    __slots__ = (
        "_busy",
        "_gathering",
        "_gathers",
        "_incoming",
        "_lends",
        "_lower",
        "_lower_full",
        "_on_ready",
        "_out",
        "_out_size",
        "_outgoing",
        "_seen",
        "_state",
        "_tls",
    )

    def __init__(
        self,
        lower: Stream,
        context: TlsContext,
        *,
        server_side: bool,
        server_hostname: str | None = None,
        early: Buffer = b"",
        on_ready: Callable[[TlsStream], None] | None = None,
        gathers: bool = True,
    ) -> None:
        """``early``: bytes already read from ``lower``. ``gathers``: whether several small writes are to be expected in
        one turn of the loop; without, each leaves at once, which costs no callback."""
        super().__init__()
        self._lower = lower
        self._tls: ssl.SSLObject | VerifiedTls
        self._incoming: ssl.MemoryBIO | Incoming
        self._outgoing: ssl.MemoryBIO | Outgoing
        self._tls, self._incoming, self._outgoing = _begin(context, server_side, server_hostname)
        self._on_ready = on_ready
        self._lends = False  # the receiver borrows memory
        self._state = TlsState.HANDSHAKE
        self._seen = b""  # of the peer's first bytes, during the handshake
        self._lower_full = False
        self._out: list[Buffer] = []  # plaintext of this loop turn, limited by _FLUSH_AT once ready
        self._out_size = 0
        self._gathers = gathers
        self._gathering = False  # something was written in this turn
        self._busy = False  # more than once in the last turn with writes
        lower.attach(self)
        if early:
            self.data_received(early)
        elif not server_side:
            self._handshake()

    @property
    def ready(self) -> bool:
        """Whether the handshake was done, also after the end of the stream."""
        return self._state.ready

    def when_ready(self, on_ready: Callable[[TlsStream], None]) -> None:
        """Call ``on_ready`` in place of the one of before."""
        self._on_ready = on_ready

    # Receiver of the carrier

    def data_received(self, data: Buffer, /) -> None:
        state = self._state
        if state.reads:
            self._incoming.write(data)
            if state.ready:
                self._read()
                return
            if len(self._seen) < SEEN:
                self._seen += data[: SEEN - len(self._seen)]
            if self._handshake():
                self._read()

    def eof_received(self) -> None:
        if self._state.reads:
            self._fail(self._cut_short())
        else:
            self._lower.close()

    def connection_lost(self, exc: Exception | None, /) -> None:
        if not self._state.ready or (exc is None and self._state.reads):
            cause, exc = exc, self._cut_short(exc)
            exc.__cause__ = cause
        self._end()
        self._deliver_lost(exc)

    def pause_writing(self) -> None:
        self._lower_full = True
        self._pause_writer()

    def resume_writing(self) -> None:
        self._lower_full = False
        self._lower.resume_reading(Pause.ANSWERS)
        if self._state.ready:
            self._resume_writer()

    # Stream

    def attach(self, receiver: Receiver, /) -> None:
        self._lends = isinstance(self._tls, ssl.SSLObject) and borrows(receiver)
        super().attach(receiver)

    def write(self, data: Buffer, /) -> None:
        state = self._state
        if not state.writes or not data:
            return
        self._out.append(data)
        self._out_size += len(data)
        if not state.ready:
            if self._out_size >= _FLUSH_AT:
                self._pause_writer()
        elif not self._gathers:
            self._flush()
        elif not self._gathering:
            self._gathering = True
            asyncio.get_running_loop().call_soon(self._end_turn)
            if not self._busy:
                self._flush()
        elif self._out_size >= _FLUSH_AT:
            self._flush()
        if self._out:
            self._out[-1] = own(self._out[-1])

    def writelines(self, parts: list[Buffer], /) -> None:
        """Write ``parts``, together so many bytes that it pays to encrypt each for itself: they are not joined."""
        if not self._state.ready:
            self.write(b"".join(parts))
            return
        self._flush()
        if self._state.writes:
            self._encrypt(parts)

    def write_eof(self) -> None:
        if self._state.writes:
            self._flush()  # which may end the stream, or call a user who ends it
        if self._state.writes:
            self._move(TlsEvent.WRITE_EOF)
            if self._state.ready:
                self._send_close_notify()
            if self._state is TlsState.FINISHED:
                self._lower.close()

    def close(self) -> None:
        """Send what was written, then end; before the handshake is done nothing was written that could be sent."""
        if not self._has_ended():
            self.write_eof()
            self._end()
            self._lower.close()
        self._end_locally()

    def abort(self) -> None:
        self._end()
        self._end_locally()
        self._lower.abort()

    def info(self, key: str, /) -> Any:
        if key == "layers":
            return ("tls", *self._lower.info(key))
        if key == "ssl_object":
            return self._tls
        return self._lower.info(key)

    # Private: handshake

    def _handshake(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._send_outgoing()
            return False
        except ssl.SSLError as exc:
            self._send_outgoing()  # the alert
            self._fail(explain(exc))
            return False
        self._move(TlsEvent.READY)
        self._seen = b""
        finished = not self._state.writes  # before the handshake was done; its close_notify is due now
        self._send_outgoing()
        self._flush()
        if not self._lower_full:
            self._resume_writer()
        on_ready, self._on_ready = self._on_ready, None
        if on_ready is not None:
            on_ready(self)
        if finished and not self._has_ended():
            self._send_close_notify()
        return self._state.reads

    # Private: receiving

    def _read(self) -> None:
        """Deliver every record that is complete, as one chunk."""
        incoming = self._incoming
        while True:
            lends = self._lends and incoming.pending > _RECORD
            try:
                data = self._decrypt_lent() if lends else self._decrypt()
            except ssl.SSLError as exc:
                self._send_outgoing()  # the alert
                self._fail(explain(exc))
                return
            peer_finished = not self._state.reads
            if self._outgoing.pending:
                self._send_outgoing()
            if data:
                self._deliver(data)
            if peer_finished and not self._has_ended():
                self._deliver_eof()
                if self._state is TlsState.FINISHED:
                    self._lower.close()
            if not lends or len(data) <= LENT - _RECORD or not self._state.reads:
                return

    def _decrypt(self) -> bytes:
        """The plaintext of every record that is complete."""
        chunks: list[bytes] = []
        read, incoming = self._tls.read, self._incoming
        try:
            while incoming.pending or not chunks:
                chunk = read(_RECORD)
                if not chunk:
                    self._move(TlsEvent.CLOSE_NOTIFY)
                    break
                chunks.append(chunk)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._move(TlsEvent.CLOSE_NOTIFY)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _decrypt_lent(self) -> memoryview:
        """The same in lent memory, and no more than it takes: it is not joined, which would copy it."""
        memory, at, incoming = memory_of("tls"), 0, self._incoming
        read: Callable[[int, memoryview], int] = cast(Any, self._tls).read  # typed as if there were no buffer
        try:
            while incoming.pending and at <= LENT - _RECORD:
                size = read(_RECORD, memory[at:])
                if not size:
                    self._move(TlsEvent.CLOSE_NOTIFY)
                    break
                at += size
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._move(TlsEvent.CLOSE_NOTIFY)
        return memory[:at]

    def _gate_closed(self) -> None:
        if self._state.ready:  # a pause does not stop the handshake
            self._lower.pause_reading(Pause.PEER)

    def _gate_opened(self) -> None:
        self._lower.resume_reading(Pause.PEER)

    # Private: sending

    def _end_turn(self) -> None:
        """Encrypt and send what is left of a turn."""
        self._gathering = False
        out = self._out
        self._busy = len(out) > (1 if self._busy else 0)
        if out:
            self._flush()

    def _flush(self) -> None:
        if not self._state.ready or not self._out:
            return
        out, self._out, self._out_size = self._out, [], 0
        self._encrypt(out if len(out) == 1 else [b"".join(out)])

    def _encrypt(self, parts: list[Buffer]) -> None:
        write = self._tls.write
        try:
            for data in parts:
                sent = write(data)
                if sent < len(data):
                    view = memoryview(data)
                    while sent < len(data):
                        sent += write(view[sent:])
        except ssl.SSLError as exc:
            self._fail(explain(exc))
            return
        self._lower.write(self._outgoing.read())

    def _send_outgoing(self) -> None:
        """Send records of TLS itself (handshake, alerts); a peer that does not read them is not read, either."""
        if data := self._outgoing.read():
            self._lower.write(data)
            if self._lower_full:
                self._lower.pause_reading(Pause.ANSWERS)

    def _send_close_notify(self) -> None:
        if self._incoming.pending and self._state.reads:
            self._read()  # unwrap would stumble over application data that is still unread
        with contextlib.suppress(ssl.SSLError):  # WANT_READ: the peer's own close_notify has not come yet
            self._tls.unwrap()
        self._send_outgoing()

    # Private: the end

    def _move(self, event: TlsEvent) -> None:
        self._state = TRANSITIONS[self._state, event]

    def _end(self) -> None:
        """No more is read, and what is not yet encrypted is not sent. Whoever waits for the handshake is let go: memory
        is freed without the garbage collector then."""
        self._move(TlsEvent.END)
        self._out.clear()
        self._on_ready = None

    def _has_ended(self) -> bool:
        return self._state is TlsState.ENDED or self._state is TlsState.NEVER_READY

    def _cut_short(self, cause: Exception | None = None) -> TransportError:
        if not self._state.ready:
            why = f": {cause}" if cause is not None else ""
            failed = TlsFailed(f"the connection ended during the TLS handshake{why}")
            failed.seen = self._seen
            return failed
        return Closed("the connection ended without a TLS close_notify")

    def _fail(self, exc: TransportError) -> None:
        exc.seen = self._seen
        self._end()
        self._deliver_lost(exc)
        self._lower.close()


def _begin(
    context: TlsContext, server_side: bool, server_hostname: str | None
) -> tuple[ssl.SSLObject | VerifiedTls, ssl.MemoryBIO | Incoming, ssl.MemoryBIO | Outgoing]:
    """A TLS session, and its bytes from and to the carrier."""
    if isinstance(context, ssl.SSLContext):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        name: str | bytes | None = server_hostname
        if server_hostname and is_address(server_hostname):
            name = server_hostname.encode()  # for a text, ssl loads the tables of IDNA
        tls = context.wrap_bio(incoming, outgoing, server_side=server_side, server_hostname=name)
        return tls, incoming, outgoing
    verified = context.open(server_side=server_side, server_hostname=server_hostname)
    return verified, verified.incoming, verified.outgoing


__all__ = ["TlsContext", "TlsStream"]
