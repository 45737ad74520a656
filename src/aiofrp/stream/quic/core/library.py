"""The one door to qh3: no other file imports it (``tests/test_imports.py``).

qh3 keeps its packet core in compiled code and gives out what it decoded as events. Its Python shell fixes the number of
streams, and reopens a window whether the receiver took the bytes or not. What this file does to change that leans on
inner parts, so the release is pinned to one minor version. Each trick could go if the library had what is said here:

- :meth:`Connection._create_core` calls the constructor of the compiled core with all its positions: a field of the
  configuration for the number of streams the peer may open, and one for how much may arrive out of order.
- :meth:`Connection._drain_core` reads the events of the compiled core: events that say which side closed the
  connection, and connection ids with both the new and the retired ones.
- :class:`_Bridge` writes the transport parameters again: the same field for streams, and a way to leave the others out.
- :class:`KeyCheckingContext` changes the class of a context that the library made: a parameter for the class of the
  context, a check of ML-KEM keys in the library, and a request for a client's certificate
  (RFC 8446 §4.3.2, §4.4), which it can show and cannot ask for.
- A client with an empty connection id: the library takes an empty id for one it does not know yet.
- :class:`~aiofrp.stream.quic.core.credit.Credit` re-seals packets: a call that withholds a stream's MAX_STREAM_DATA.
- :meth:`Connection.handle_timer` applies the peer's parameters again, with a smaller packet size: servers that probe
  the path as the library's clients do (RFC 8899).
- :data:`~aiofrp.stream.quic.core.calls.guarded` catches whatever comes out of the compiled part, panics included: one
  class of exceptions.

No sockets and no loop here: datagrams and times in, datagrams and calls of a handler out (see
:mod:`aiofrp.stream.quic.core.calls`).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any, TypeAlias

from qh3 import tls
from qh3._hazmat import (
    Buffer,
    Certificate,
    CryptoError,
    QuicConnectionCore,
    SignatureError,
    verify_with_public_key,
)
from qh3.quic import events
from qh3.quic.configuration import QuicConfiguration
from qh3.quic.connection import QuicConnection, QuicConnectionError, QuicConnectionState
from qh3.quic.crypto import derive_key_iv_hp
from qh3.quic.packet import (
    encode_quic_retry,
    encode_quic_version_negotiation,
    pull_quic_transport_parameters,
    push_quic_transport_parameters,
)
from qh3.quic.tls_bridge import QuicTlsBridge, QuicTlsBridgeError, QuicTlsTrafficSecret

from aiofrp.errors import ConfigError
from aiofrp.stream.quic.core.auth import (
    ALGORITHMS,
    CERTIFICATE,
    CERTIFICATE_VERIFY,
    FINISHED,
    MESSAGE_LIMIT,
    certificate_request,
    is_kem_key,
)
from aiofrp.stream.quic.core.calls import Handler, HeldCalls, guarded, judged
from aiofrp.stream.quic.core.errors import CRYPTO_ERROR
from aiofrp.stream.quic.core.limits import Judge, QuicIdentity, QuicLimits
from aiofrp.wire.quic.packet import MAX_STREAM_DATA_SIZE

#: What both sides must name in the TLS handshake (docs/protocol/wire.md §5).
ALPN = "frp"
#: Bytes of our connection ids, and of the largest packet we send before a path showed that it carries more.
CID_SIZE, PACKET_SIZE = 8, 1280
#: The same of a server's packets, as long as the path carries them (see :meth:`Connection.handle_timer`): what frp's
#: clients accept, and an Ethernet carries.
_SERVER_PACKET_SIZE = 1452
_UNANSWERED = 2
#: Events of every stream that need nothing done.
_UNUSED = ("stream_finished", "streams_available")
_ACK_DELAY_EXPONENT, _MAX_ACK_DELAY, _INITIAL_RTT = 3, 0.025, 0.1
#: Connection ids of the peer that are kept (active_connection_id_limit).
_PEER_IDS = 8
#: For the keys of the first packets (RFC 9001 §5.2).
_INITIAL_SALT = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_INITIAL_CIPHERS = ("aes-128-gcm", "aes-128-ecb")

#: What the connections of one side share: ALPN, limits, certificate.
Configuration: TypeAlias = QuicConfiguration
#: Datagrams that leave one after the other for one address.
Run: TypeAlias = tuple[Any, list[bytes]]
#: Raised by a connection that cannot do what it is asked for any more.
Refused: TypeAlias = QuicConnectionError
#: The same, what the compiled part raises instead, and what is raised for a stream that is over.
REFUSED = (QuicConnectionError, RuntimeError, ValueError)


class KeyCheckingContext(tls.Context):
    """A server's TLS that checks a client's keys before it uses them."""

    @classmethod
    def take_over(cls, context: tls.Context) -> None:
        """Make ``context``, which has done nothing yet, one of these."""
        context.__class__ = cls

    def _server_handle_hello(
        self, input_buf: Buffer, initial_buf: Buffer, handshake_buf: Buffer, onertt_buf: Buffer
    ) -> None:
        hello = tls.pull_client_hello(Buffer(data=input_buf.data_slice(0, input_buf.capacity)))
        for group, key in hello.key_share or ():
            if group == tls.Group.X25519ML768 and not is_kem_key(key):
                raise tls.AlertIllegalParameter("an ML-KEM key that is none")
        super()._server_handle_hello(input_buf, initial_buf, handshake_buf, onertt_buf)


class CertificateRequired(tls.Alert):
    """The client showed no certificate."""

    description = tls.AlertDescription.certificate_required


class DemandingContext(KeyCheckingContext):
    """A server's TLS that lets only clients in whose certificate chain, DER, ``judge`` finds nothing wrong with."""

    judge: Judge
    key_schedule: Any
    _flight: Buffer
    _partial: bytes
    _chain: list[bytes]
    _proven: bool

    @classmethod
    def demand(cls, context: tls.Context, judge: Judge) -> None:
        """Take ``context`` over."""
        cls.take_over(context)
        assert isinstance(context, DemandingContext)
        context.judge = judge
        context._partial = b""
        context._chain = []
        context._proven = False

    def _server_handle_hello(
        self, input_buf: Buffer, initial_buf: Buffer, handshake_buf: Buffer, onertt_buf: Buffer
    ) -> None:
        self._flight = handshake_buf
        self._alps_negotiated = True  # so that the client's Finished is not taken for the next message
        super()._server_handle_hello(input_buf, initial_buf, handshake_buf, onertt_buf)

    def _setup_traffic_protection(self, direction: tls.Direction, epoch: tls.Epoch, label: bytes) -> None:
        super()._setup_traffic_protection(direction, epoch, label)
        if epoch == tls.Epoch.HANDSHAKE and direction == tls.Direction.DECRYPT:
            self.key_schedule = _Transcript(self.key_schedule, self._ask)  # EncryptedExtensions comes next

    def _ask(self) -> None:
        message = certificate_request()
        self._flight.push_bytes(message)
        self.key_schedule.update_hash(message)

    def handle_message(self, input_data: bytes, output_buf: dict[Any, Buffer], epoch: int = -1) -> None:
        if self.state != tls.State.SERVER_EXPECT_FINISHED or epoch != tls.Epoch.HANDSHAKE:
            super().handle_message(input_data, output_buf, epoch)
            return
        self._partial += input_data
        while len(self._partial) >= 4:
            size = 4 + int.from_bytes(self._partial[1:4], "big")
            if size > MESSAGE_LIMIT:
                raise tls.AlertDecodeError("a handshake message is too long")
            if len(self._partial) < size:
                break
            message, self._partial = self._partial[:size], self._partial[size:]
            self._client_message(message, output_buf, epoch)

    def _client_message(self, message: bytes, output_buf: dict[Any, Buffer], epoch: int) -> None:
        if message[0] == CERTIFICATE and not self._chain:
            self._read_certificate(message)
        elif message[0] == CERTIFICATE_VERIFY and self._chain and not self._proven:
            self._read_proof(message)
        elif message[0] == FINISHED and self._proven:
            super().handle_message(message, output_buf, epoch)
        else:
            raise tls.AlertUnexpectedMessage

    def _read_certificate(self, message: bytes) -> None:
        self._chain = [
            certificate for certificate, _ in tls.pull_certificate(Buffer(data=message)).certificates
        ]
        if not self._chain:
            raise CertificateRequired("client didn't provide a certificate")
        self.key_schedule.update_hash(message)

    def _read_proof(self, message: bytes) -> None:
        proof = tls.pull_certificate_verify(Buffer(data=message))
        if proof.algorithm not in ALGORITHMS:
            raise tls.AlertIllegalParameter("a signature algorithm that was not offered")
        signed = self.key_schedule.certificate_verify_data(b"TLS 1.3, client CertificateVerify")
        try:
            key = Certificate(self._chain[0]).public_key()
            verify_with_public_key(key, proof.algorithm, signed, proof.signature)
        except (SignatureError, ValueError) as exc:
            raise tls.AlertDecryptError(str(exc)) from exc
        if problem := judged(self.judge, self._chain):
            raise tls.AlertBadCertificate(problem)
        self._proven = True
        self.key_schedule.update_hash(message)


class _Transcript:
    """A key schedule that says once when the next message was added to it."""

    def __init__(self, schedule: Any, then: Callable[[], None]) -> None:
        self._schedule = schedule
        self._then: Callable[[], None] | None = then

    def __getattr__(self, name: str) -> Any:
        return getattr(self._schedule, name)

    def update_hash(self, data: bytes) -> None:
        self._schedule.update_hash(data)
        then, self._then = self._then, None
        if then is not None:
            then()


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
        except BaseException as exc:  # as in guarded, and the peer gets an alert
            code = CRYPTO_ERROR + tls.AlertDescription.decode_error
            raise QuicTlsBridgeError(code, f"{type(exc).__name__}: {exc}") from exc

    def serialize_transport_parameters(self) -> bytes:
        parameters = pull_quic_transport_parameters(Buffer(data=super().serialize_transport_parameters()))
        parameters.initial_max_streams_bidi = self._limits.max_streams
        parameters.initial_max_streams_uni = 0
        parameters.max_datagram_frame_size = None
        parameters.google_connection_options = None
        parameters.initial_rtt = None
        parameters.active_connection_id_limit = _PEER_IDS
        buffer = Buffer(capacity=3 * self.configuration.max_datagram_size)
        push_quic_transport_parameters(buffer, parameters)
        return bytes(buffer.data)


class Connection(QuicConnection):
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
            # With our own id set to the one the client chose for us, an empty id of its is right from the start.
            self.host_cid = retry_cid or original_cid or b""
        self._ended = False
        self._small = (
            configuration.is_client
        )  # nothing to make smaller: clients probe before they send larger packets

    @property
    def send_secret(self) -> tuple[int, bytes, int]:
        """Of the packets we send after the handshake: cipher suite, first traffic secret, bytes of the peer's ids."""
        bridge = self._tls
        assert isinstance(bridge, _Bridge)
        secret = bridge.send_secret
        assert secret is not None
        return int(secret.cipher_suite), secret.secret, len(bridge.remote_initial_source_connection_id or b"")

    def receive(self, data: bytes, size: int, address: Any, now: float) -> None:
        """Take datagrams of ``size`` bytes each, the last perhaps shorter; the handler is called for what they brought.

        Raises :class:`~aiofrp.errors.RemoteProtocolError` when the library gives up on the connection.
        """
        if not self._handshake_complete:
            self._receive_handshake(data, size, address, now)
            return
        core = self._core
        assert core is not None
        with guarded:
            if size < len(data):
                core.receive_gro_buffer(data, size, address, now)
            else:
                core.receive_datagram(data, address, now)
        self._drain_core()

    def _receive_handshake(self, data: bytes, size: int, address: Any, now: float) -> None:
        """One by one and packet by packet: each may bring the keys for the next. The library calls back meanwhile; the
        handler is called after it returned, so that a fault of the handler is not taken for one of the peer."""
        handler, calls = self._handler, HeldCalls()
        self._handler = calls
        try:
            with guarded:
                for at in range(0, len(data), size):
                    self.receive_datagram(data[at : at + size], address, now)
        finally:
            self._handler = handler
            for name, arguments in calls.made:
                getattr(handler, name)(*arguments)

    def poll(self, now: float) -> list[Run]:
        """Datagrams that may leave now, in order. Raises :class:`~aiofrp.errors.RemoteProtocolError` as
        :meth:`receive`."""
        runs: list[Run] = []
        datagrams: list[bytes] = []
        last: Any = None
        core = self._core
        if core is not None:
            poll = core.poll_transmit
            with guarded:
                while (transmit := poll(now)) is not None:
                    if transmit[1] != last:
                        last, datagrams = transmit[1], []
                        runs.append((last, datagrams))
                    datagrams.append(transmit[0])
        return runs

    def handle_timer(self, now: float) -> None:
        """Do what is due. When a server's packets have had no answer for :data:`_UNANSWERED` probe timeouts, the path
        is taken for one that carries smaller packets only (RFC 8899 §4.3)."""
        core = self._core
        if core is not None and not self._small and core.pto_count >= _UNANSWERED:
            self._small = True
            self._use_small_packets(core)
        super().handle_timer(now)

    def last_number(self) -> int | None:
        """The number of one of our latest packets."""
        return max(
            (packet[0] for packet in self._require_core().outstanding_application_packets), default=None
        )

    # Streams. The library's own methods also keep what is written before the handshake, which doubles their cost.

    def open_bidirectional(self) -> int | None:
        """The id of a new stream; ``None`` when the peer allows no more. Only after the handshake."""
        core = self._core
        assert core is not None
        allowed, _, opened, _ = core.stream_limits
        return core.open_stream(False) if opened < allowed else None

    def send(self, stream_id: int, data: bytes | memoryview, end: bool) -> bool:
        """Queue bytes of a stream, and its end if ``end``; False when the stream takes none any more. Only after the
        handshake, as the two below."""
        try:
            self._core.send_stream(stream_id, data, end)  # type: ignore[union-attr]
        except REFUSED:
            return False
        return True

    def reset(self, stream_id: int, code: int) -> bool:
        """Queue RESET_STREAM; False when what was sent is over."""
        try:
            self._core.reset_stream(stream_id, code)  # type: ignore[union-attr]
        except REFUSED:
            return False
        return True

    def stop(self, stream_id: int, code: int) -> bool:
        """Queue STOP_SENDING; False when what was received is over."""
        try:
            self._core.stop_sending(stream_id, code)  # type: ignore[union-attr]
        except REFUSED:
            return False
        return True

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
            _PEER_IDS,
            configuration.max_datagram_size,
            configuration.probe_datagram_size,
            configuration.idle_timeout,
            _ACK_DELAY_EXPONENT,
            None,  # no datagram frames, in either direction
            None,
            configuration.max_data,
            0,  # the handshake brings the windows of the peer
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

    def _use_small_packets(self, core: QuicConnectionCore) -> None:
        parameters = self._applied_transport_parameters
        if parameters is None:
            return
        core.apply_peer_transport_parameters(
            parameters.initial_max_data or 0,
            parameters.initial_max_stream_data_bidi_local or 0,
            parameters.initial_max_stream_data_bidi_remote or 0,
            parameters.initial_max_stream_data_uni or 0,
            parameters.initial_max_streams_bidi or 0,
            parameters.initial_max_streams_uni or 0,
            _ACK_DELAY_EXPONENT if parameters.ack_delay_exponent is None else parameters.ack_delay_exponent,
            _MAX_ACK_DELAY if parameters.max_ack_delay is None else parameters.max_ack_delay / 1000,
            parameters.max_idle_timeout / 1000 if parameters.max_idle_timeout else None,
            None,
            None,
            parameters.active_connection_id_limit or 2,
            bool(parameters.disable_active_migration),
            PACKET_SIZE - MAX_STREAM_DATA_SIZE,
        )

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
            KeyCheckingContext.take_over(self._tls.tls)
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
            elif kind not in _UNUSED:
                self._connection_event(kind, event)
        while self._events:
            notice = self._events.popleft()
            if isinstance(notice, events.HandshakeCompleted):
                self._handshake_completed()
            elif isinstance(notice, events.ConnectionTerminated):
                self._end(notice.error_code, notice.reason_phrase)

    def _handshake_completed(self) -> None:
        problem = ""
        if self._judge is not None and self._is_client:
            certificates = [self.get_peercert(), *self.get_issuercerts()]
            problem = judged(
                self._judge, [certificate.public_bytes() for certificate in certificates if certificate]
            )
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
        if not self._ended:
            self._ended = True
            self._close_event = events.ConnectionTerminated(code, None, reason)
            self._handler.terminated(code, reason, by_peer)


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
    stream_window, connection_window = limits.windows
    configuration = QuicConfiguration(
        alpn_protocols=[ALPN],
        is_client=is_client,
        connection_id_length=CID_SIZE,
        idle_timeout=limits.idle_timeout,
        max_data=connection_window,
        max_stream_data=stream_window,
        max_datagram_size=(PACKET_SIZE if is_client else _SERVER_PACKET_SIZE) - MAX_STREAM_DATA_SIZE,
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


def retry_packet(version: int, destination: bytes, source: bytes, original: bytes, token: bytes) -> bytes:
    """A Retry packet (RFC 9000 §17.2.5) to the client with the id ``destination``, which began with ``original``."""
    return encode_quic_retry(
        version=version,
        source_cid=source,
        destination_cid=destination,
        original_destination_cid=original,
        retry_token=token,
    )


def version_packet(destination: bytes, source: bytes, versions: tuple[int, ...]) -> bytes:
    """A Version Negotiation packet (RFC 9000 §17.2.1); the ids are those of the packet it answers."""
    return encode_quic_version_negotiation(source, destination, list(versions))
