"""The QUIC library, bent to what streams need: limits of our own, and streams that can wait one by one.

qh3 keeps its packet core in compiled code and hands out what it decoded as events. A window reopens when an event is
taken out, read by its user or not; :attr:`QuicCore.credit` keeps the window of a single stream closed. Its Python shell
fixes the number of streams; this class does not. It leans on that shell's inner parts, so the release is pinned.

No sockets and no loop here: datagrams and times in, datagrams and calls of a :class:`Handler` out.
"""

from __future__ import annotations

import ssl
from typing import Any, Protocol, TypeAlias

from qh3 import tls
from qh3._hazmat import Buffer, CryptoError, QuicConnectionCore
from qh3.quic import events
from qh3.quic.configuration import QuicConfiguration
from qh3.quic.connection import QuicConnection, QuicConnectionState
from qh3.quic.crypto import derive_key_iv_hp
from qh3.quic.packet import pull_quic_transport_parameters, push_quic_transport_parameters
from qh3.quic.tls_bridge import QuicTlsBridge, QuicTlsBridgeError, QuicTlsTrafficSecret

from aiofrp.errors import ConfigError, RemoteProtocolError
from aiofrp.stream.quic.auth import DemandingContext, ServerContext
from aiofrp.stream.quic.credit import Credit
from aiofrp.stream.quic.errors import CRYPTO_ERROR
from aiofrp.stream.quic.limits import Judge, QuicIdentity, QuicLimits
from aiofrp.wire.quic.packet import ROOM_SIZE

#: What both sides must name in the TLS handshake (docs/protocol/wire.md §5).
ALPN = "frp"
#: Bytes of our connection ids, and of the largest packet we send before the path showed that it carries more.
CID_SIZE, PACKET_SIZE = 8, 1280
_ACK_DELAY_EXPONENT, _MAX_ACK_DELAY, _INITIAL_RTT = 3, 0.025, 0.1


#: What the connections of one side share: ALPN, limits, certificate.
Configuration: TypeAlias = QuicConfiguration

#: For the keys of the first packets (RFC 9001 §5.2).
_INITIAL_SALT = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_INITIAL_CIPHERS = ("aes-128-gcm", "aes-128-ecb")


class Handler(Protocol):
    """Who is told what the core found out."""

    def handshake_done(self) -> None:
        """The peer speaks frp and is who it must be; streams may be opened."""

    def stream_data(self, stream_id: int, data: bytes, end: bool, /) -> None:
        """Bytes of a stream, perhaps none, perhaps its last."""

    def stream_reset(self, stream_id: int, /) -> None:
        """The peer dropped what it was sending."""

    def stream_stopped(self, stream_id: int, /) -> None:
        """The peer does not read a stream any more."""

    def connection_id(self, cid: bytes, valid: bool, /) -> None:
        """The peer may use a connection id from now on, or does not any more."""

    def terminated(self, code: int, reason: str, by_peer: bool, /) -> None:
        """The connection is over; ``by_peer``: the code is the peer's word."""


class QuicCore(QuicConnection):
    """One side of a connection; see :class:`qh3.quic.connection.QuicConnection` for the rest of its calls."""

    def __init__(
        self,
        configuration: QuicConfiguration,
        handler: Handler,
        limits: QuicLimits,
        *,
        original_cid: bytes | None = None,
        retry_cid: bytes | None = None,
        peer_cid: bytes | None = None,
        judge: Judge | None = None,
    ) -> None:
        """A server's connection takes the three ids from the client's first packet; with ``judge`` it demands a
        certificate."""
        super().__init__(
            configuration=configuration,
            original_destination_connection_id=original_cid,
            retry_source_connection_id=retry_cid,
        )
        self._handler = handler
        self._limits = limits
        self._judge = judge
        self._peer_cid = peer_cid
        if peer_cid == b"":
            # The library takes an empty id for one it does not know yet. It is right when it believes it from the
            # start: then our own id is the one the client chose for us, and the first keys are made here.
            self.host_cid = retry_cid or original_cid or b""
        self._told_end = False
        self._credit: Credit | None = None  # made when first needed

    @property
    def credit(self) -> Credit:
        """What the peer is told of its streams' room; only after the handshake."""
        if self._credit is None:
            bridge = self._tls
            assert isinstance(bridge, _Bridge)
            assert bridge.send_secret is not None
            cid = bridge.remote_initial_source_connection_id or b""
            secret = bridge.send_secret
            self._credit = Credit(int(secret.cipher_suite), secret.secret, len(cid), PACKET_SIZE)
        return self._credit

    def receive(self, data: bytes, size: int, address: Any, now: float) -> None:
        """Take datagrams of ``size`` bytes each, the last perhaps shorter.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` when the library gives up on the connection.
        """
        if not self._handshake_complete:
            self._receive_handshake(data, size, address, now)
            return
        core = self._require_core()
        with _FAILURES:
            if size < len(data):
                core.receive_gro_buffer(data, size, address, now)
            else:
                core.receive_datagram(data, address, now)
        self._drain_core()

    def _receive_handshake(self, data: bytes, size: int, address: Any, now: float) -> None:
        """One by one and packet by packet: each may bring the keys for the next."""
        with _FAILURES:
            for at in range(0, len(data), size):
                self.receive_datagram(data[at : at + size], address, now)

    def to_send(self, now: float) -> list[tuple[bytes, Any]]:
        """Datagrams with their addresses. Raises :class:`~aiofrp.errors.RemoteProtocolError` as :meth:`receive`."""
        found: list[tuple[bytes, Any]] = []
        if self._core is None:
            return found
        poll = self._core.poll_transmit
        with _FAILURES:
            while (transmit := poll(now)) is not None:
                found.append((transmit[0], transmit[1]))
        credit = self._credit
        if credit is not None and credit.active:
            found = [(credit.rewrite(data, self._last_number), address) for data, address in found]
        return found

    def room_used(self, stream_id: int, total: int | None) -> None:
        """``total`` bytes of a stream came so far; ``None``: it is over."""
        credit = self._credit
        if credit is not None:
            if total is None:
                credit.forget(stream_id)
            else:
                credit.received(stream_id, total)

    def _last_number(self) -> int | None:
        """The number of one of our latest packets."""
        return max(
            (packet[0] for packet in self._require_core().outstanding_application_packets), default=None
        )

    def open_bidirectional(self) -> int | None:
        """The id of a new stream; ``None`` when the peer allows no more. Only after the handshake."""
        allowed, _, opened, _ = self._require_core().stream_limits
        return self._open_stream() if opened < allowed else None

    # What the library does otherwise

    def _create_core(self, remote_addr: Any, initial_dcid: bytes, now: float) -> None:
        configuration, limits = self._configuration, self._limits
        assert self._version is not None
        nameless = self._peer_cid == b""
        self._core = QuicConnectionCore(
            self._is_client,
            self._version,
            ("0.0.0.0", 0),
            remote_addr,
            self.host_cid,
            b"" if nameless else initial_dcid,
            self._is_client or self._retry_source_connection_id is not None,
            8,  # connection ids of the peer's that are kept
            configuration.max_datagram_size,
            configuration.probe_datagram_size,
            configuration.idle_timeout,
            _ACK_DELAY_EXPONENT,
            None,  # no datagram frames, either way
            None,
            configuration.max_data,
            0,  # the peer's windows are told in the handshake
            configuration.max_stream_data,
            0,
            0,
            0,
            configuration.max_stream_data,  # of which as much may come out of order
            limits.max_streams,
            0,
            0,
            0,
            configuration.initial_rtt,
            _MAX_ACK_DELAY,
            now,
        )
        self._applied_transport_parameters = None
        self._pre_handshake_state_replayed = False
        if nameless:
            for direction, label in (("receive", b"client in"), ("send", b"server in")):
                keys = initial_keys(initial_dcid, label, self._version)
                self._core.install_packet_key(direction, int(tls.Epoch.INITIAL), _INITIAL_CIPHERS, *keys, 0)

    def _create_tls(self, remote_source_cid: bytes | None) -> QuicTlsBridge:
        self._tls = _Bridge(
            self._limits,
            self._configuration,
            version=self._version,
            local_initial_source_connection_id=self.host_cid,
            remote_initial_source_connection_id=self._peer_cid,
            original_destination_connection_id=self._original_destination_connection_id,
            retry_source_connection_id=self._retry_source_connection_id,
            version_change_handler=self._set_version,
        )
        if self._is_client:
            return self._tls
        if self._judge is None:
            ServerContext.take_over(self._tls.tls)
        else:
            DemandingContext.demand(self._tls.tls, self._judge)
        return self._tls

    def _drain_core(self) -> None:
        core, handler = self._require_core(), self._handler
        while (event := core.next_event()) is not None:
            kind = event[0]
            if kind == "stream_data":
                handler.stream_data(event[1], event[2], event[3])
            elif kind == "stream_reset":
                handler.stream_reset(event[1])
            elif kind == "stop_sending":
                handler.stream_stopped(event[1])
            elif kind == "stream_finished":
                self._created_local_stream_ids.discard(event[1])
            else:
                self._connection_event(kind, event)
        while (told := self.next_event()) is not None:
            if isinstance(told, events.HandshakeCompleted):
                self._handshake_completed()
            elif isinstance(told, events.ConnectionTerminated):
                self._end(told.error_code, told.reason_phrase)

    def _handshake_completed(self) -> None:
        problem = ""
        if self._judge is not None and self._is_client:
            certificates = [self.get_peercert(), *self.get_issuercerts()]
            problem = self._judge([certificate.public_bytes() for certificate in certificates if certificate])
        if problem:
            self.close(CRYPTO_ERROR + tls.AlertDescription.bad_certificate, 0, problem)
            self._end(CRYPTO_ERROR + tls.AlertDescription.bad_certificate, problem)
        else:
            self._handler.handshake_done()

    def _connection_event(self, kind: str, event: tuple[Any, ...]) -> None:
        core = self._require_core()
        if kind == "crypto_data":
            self._crypto(event)
        elif kind == "handshake_done":
            self._handshake_confirmed = True
            core.handshake_confirmed()
        elif kind in ("connection_id_issued", "connection_id_retired"):
            self._handler.connection_id(event[1], kind == "connection_id_issued")
        elif kind == "peer_closed":
            self._end(event[2], event[4].decode("utf-8", "replace"), by_peer=True)
        elif kind == "protocol_error":
            self._end(event[1], str(event[3]))
        elif kind == "connection_terminated":
            self._state = QuicConnectionState.TERMINATED
            self._end(event[1], event[3].decode("utf-8", "replace"))

    def _crypto(self, event: tuple[Any, ...]) -> None:
        core = self._require_core()
        assert self._tls is not None
        try:
            self._tls.receive_crypto(tls.Epoch(event[1]), event[3], event[2], version=core.version)
            self._drain_tls()
        except QuicTlsBridgeError as exc:
            self._call_core(core.close, exc.error_code, int(exc.frame_type), exc.reason_phrase.encode())
            self._end(exc.error_code, exc.reason_phrase)

    def _end(self, code: int, reason: str, *, by_peer: bool = False) -> None:
        if not self._told_end:
            self._told_end = True
            self._close_event = events.ConnectionTerminated(code, None, reason)
            self._handler.terminated(code, reason, by_peer)


class _Failures:
    """A block in which whatever way the library gives up, panics of its compiled part included, is an error of the
    peer's. Entered for every datagram, so it is one object and no generator."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, trace: object) -> None:
        if exc is not None and not isinstance(exc, KeyboardInterrupt | SystemExit):
            raise RemoteProtocolError(f"quic: {type(exc).__name__}: {exc}") from exc


_FAILURES = _Failures()


class _Bridge(QuicTlsBridge):
    """The TLS half, with transport parameters of our own."""

    def __init__(self, limits: QuicLimits, configuration: QuicConfiguration, **parts: Any) -> None:
        self._limits = limits
        self.send_secret: QuicTlsTrafficSecret | None = None  #: of what we send after the handshake
        super().__init__(configuration, **parts)

    def next_traffic_secret(self) -> QuicTlsTrafficSecret | None:
        secret = super().next_traffic_secret()
        if (
            secret is not None
            and secret.epoch == tls.Epoch.ONE_RTT
            and secret.direction == tls.Direction.ENCRYPT
        ):
            self.send_secret = secret
        return secret

    def _handle_tls(self, data: bytes, epoch: tls.Epoch) -> None:
        try:
            super()._handle_tls(data, epoch)
        except (QuicTlsBridgeError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as exc:  # as in _FAILURES, and the peer is told
            code = CRYPTO_ERROR + tls.AlertDescription.decode_error
            raise QuicTlsBridgeError(code, f"{type(exc).__name__}: {exc}") from exc

    def serialize_transport_parameters(self) -> bytes:
        parameters = pull_quic_transport_parameters(Buffer(data=super().serialize_transport_parameters()))
        parameters.initial_max_streams_bidi = self._limits.max_streams
        parameters.initial_max_streams_uni = 0
        parameters.max_datagram_frame_size = None
        parameters.google_connection_options = None
        parameters.initial_rtt = None
        parameters.active_connection_id_limit = 8
        buffer = Buffer(capacity=3 * self.configuration.max_datagram_size)
        push_quic_transport_parameters(buffer, parameters)
        return bytes(buffer.data)


def initial_keys(cid: bytes, label: bytes, version: int) -> tuple[bytes, bytes, bytes]:
    """Key, IV and header-protection key of the first packets (RFC 9001 §5.2)."""
    secret = tls.hkdf_expand_label(256, tls.hkdf_extract(256, _INITIAL_SALT, cid), label, b"", 32)
    return derive_key_iv_hp(cipher_suite=tls.CipherSuite.AES_128_GCM_SHA256, secret=secret, version=version)


def client_configuration(identity: QuicIdentity, limits: QuicLimits, server_name: str) -> QuicConfiguration:
    """What a client's connections share. Raises :class:`~aiofrp.errors.ConfigError` for unusable certificates."""
    configuration = _configuration(identity, limits, is_client=True)
    configuration.server_name = server_name or None
    return configuration


def server_configuration(identity: QuicIdentity, limits: QuicLimits) -> QuicConfiguration:
    """What a server's connections share. Raises :class:`~aiofrp.errors.ConfigError` for unusable certificates."""
    return _configuration(identity, limits, is_client=False)


def _configuration(identity: QuicIdentity, limits: QuicLimits, *, is_client: bool) -> QuicConfiguration:
    configuration = QuicConfiguration(
        alpn_protocols=[ALPN],
        is_client=is_client,
        connection_id_length=CID_SIZE,
        idle_timeout=limits.idle_timeout,
        max_data=limits.connection_window,
        max_stream_data=limits.stream_window,
        max_datagram_size=PACKET_SIZE - ROOM_SIZE,
        initial_rtt=_INITIAL_RTT,
        verify_mode=ssl.CERT_NONE,  # judged here, as for every other transport
    )
    if identity.certificate:
        try:
            configuration.load_cert_chain(identity.certificate, identity.key)
        except (CryptoError, ValueError) as exc:
            raise ConfigError(
                f"QUIC cannot use this certificate or key: {exc}", "transport.tls.certFile"
            ) from exc
    return configuration


__all__ = [
    "ALPN",
    "CID_SIZE",
    "Configuration",
    "Handler",
    "QuicCore",
    "client_configuration",
    "server_configuration",
]
