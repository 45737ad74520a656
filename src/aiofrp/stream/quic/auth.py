"""A QUIC server's half of TLS, where the library's needs help.

- It passes a client's ML-KEM key on unchecked, and its compiled part panics at a wrong one.
- It can show a client's certificate and cannot ask for one (RFC 8446 §4.3.2, §4.4). The handshake here is the
  library's, with a CertificateRequest put behind its EncryptedExtensions and the client's answer read before its
  Finished.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qh3 import tls
from qh3._hazmat import Buffer, Certificate, SignatureError, verify_with_public_key

_CERTIFICATE, _CERTIFICATE_REQUEST, _CERTIFICATE_VERIFY, _FINISHED = 11, 13, 15, 20
_SIGNATURE_ALGORITHMS = 13
#: What a client may sign with, and what its certificates may be signed with (RFC 8446 §4.2.3).
_ALGORITHMS = (0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601)
#: Bytes of a message of the client's that is still incomplete; a certificate chain is the longest.
_MESSAGE_LIMIT = 64 * 1024
#: Coefficients of an ML-KEM-768 key, 12 bits each, and what they must be below (FIPS 203 §7.2, §8).
_KEM_COEFFICIENTS, _KEM_MODULUS = 768, 3329


class ServerContext(tls.Context):
    """A server's TLS that looks at a client's keys before it uses them.

    The library makes contexts itself and lets nobody choose their class, so :meth:`take_over` changes it.
    """

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


class DemandingContext(ServerContext):
    """A server's TLS that lets only clients in whose certificate chain, DER, ``judge`` finds nothing wrong with."""

    judge: Callable[[list[bytes]], str]
    key_schedule: Any
    _flight: Buffer
    _partial: bytes
    _chain: list[bytes]
    _proven: bool

    @classmethod
    def demand(cls, context: tls.Context, judge: Callable[[list[bytes]], str]) -> None:
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
            if size > _MESSAGE_LIMIT:
                raise tls.AlertDecodeError("a handshake message is too long")
            if len(self._partial) < size:
                break
            message, self._partial = self._partial[:size], self._partial[size:]
            self._client_message(message, output_buf, epoch)

    def _client_message(self, message: bytes, output_buf: dict[Any, Buffer], epoch: int) -> None:
        if message[0] == _CERTIFICATE and not self._chain:
            self._read_certificate(message)
        elif message[0] == _CERTIFICATE_VERIFY and self._chain and not self._proven:
            self._read_proof(message)
        elif message[0] == _FINISHED and self._proven:
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
        if proof.algorithm not in _ALGORITHMS:
            raise tls.AlertIllegalParameter("a signature algorithm that was not offered")
        signed = self.key_schedule.certificate_verify_data(b"TLS 1.3, client CertificateVerify")
        try:
            key = Certificate(self._chain[0]).public_key()
            verify_with_public_key(key, proof.algorithm, signed, proof.signature)
        except (SignatureError, ValueError) as exc:
            raise tls.AlertDecryptError(str(exc)) from exc
        if problem := self.judge(self._chain):
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


def is_kem_key(key: bytes) -> bool:
    """Whether a client's X25519MLKEM768 share begins with an ML-KEM-768 key: all coefficients must be reduced."""
    size = _KEM_COEFFICIENTS * 3 // 2
    if len(key) < size:
        return False
    pairs = (int.from_bytes(key[at : at + 3], "little") for at in range(0, size, 3))
    return all(pair & 0xFFF < _KEM_MODULUS and pair >> 12 < _KEM_MODULUS for pair in pairs)


def certificate_request() -> bytes:
    """The message that asks for a certificate."""
    algorithms = b"".join(algorithm.to_bytes(2, "big") for algorithm in _ALGORITHMS)
    extension = _SIGNATURE_ALGORITHMS.to_bytes(2, "big") + _sized(_sized(algorithms, 2), 2)
    return bytes((_CERTIFICATE_REQUEST,)) + _sized(b"\0" + _sized(extension, 2), 3)


def _sized(data: bytes, width: int) -> bytes:
    return len(data).to_bytes(width, "big") + data
