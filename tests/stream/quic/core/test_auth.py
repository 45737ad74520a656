"""A server's demand for certificates: the message that asks, and clients that answer in a wrong way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from qh3 import tls
from qh3._hazmat import Buffer
from qh3.quic.tls_bridge import QuicTlsBridge, QuicTlsBridgeError

from aiofrp.stream.quic.core.auth import certificate_request, is_kem_key
from aiofrp.stream.quic.core.calls import Handler
from aiofrp.stream.quic.core.connection import QuicCore
from aiofrp.stream.quic.core.library import (
    CertificateRequired,
    DemandingContext,
    KeyCheckingContext,
    server_configuration,
)
from aiofrp.stream.quic.core.limits import Judge, QuicLimits
from tests.stream.quicrig import identity
from tests.support.certs import NAME

Buffers = dict[Any, Buffer]
CERTIFICATE, CERTIFICATE_VERIFY, FINISHED = 11, 15, 20


def test_the_request_is_one_the_library_reads() -> None:
    request = tls.pull_certificate_request(Buffer(data=certificate_request()))
    assert request.request_context == b""
    assert request.signature_algorithms is not None
    assert tls.SignatureAlgorithm.ECDSA_SECP256R1_SHA256 in request.signature_algorithms
    assert tls.SignatureAlgorithm.RSA_PSS_RSAE_SHA256 in request.signature_algorithms


def buffers() -> Buffers:
    return {
        epoch: Buffer(capacity=8192) for epoch in (tls.Epoch.INITIAL, tls.Epoch.HANDSHAKE, tls.Epoch.ONE_RTT)
    }


def messages(data: bytes) -> Iterator[bytes]:
    while data:
        size = 4 + int.from_bytes(data[1:4], "big")
        yield data[:size]
        data = data[size:]


class Meeting:
    """A client and a demanding server at the point where the client answers."""

    def __init__(self, judge: Callable[[list[bytes]], str] = lambda chain: "", *, shows: bool = True) -> None:
        self.judged: list[list[bytes]] = []
        client = tls.Context(is_client=True, server_name=NAME, verify_mode=0)
        self.server = tls.Context(is_client=False, verify_mode=0)
        _show(self.server)
        if shows:
            _show(client)

        def judged(chain: list[bytes]) -> str:
            self.judged.append(chain)
            return judge(chain)

        DemandingContext.demand(self.server, judged)
        hello, answer, flight = buffers(), buffers(), buffers()
        client.handle_message(b"", hello, epoch=tls.Epoch.INITIAL)
        self.server.handle_message(hello[tls.Epoch.INITIAL].data, answer, epoch=tls.Epoch.INITIAL)
        for epoch in (tls.Epoch.INITIAL, tls.Epoch.HANDSHAKE):
            client.handle_message(answer[epoch].data, flight, epoch=epoch)
        self.flight = list(messages(flight[tls.Epoch.HANDSHAKE].data))

    def receive(self, data: bytes) -> None:
        self.server.handle_message(data, buffers(), epoch=tls.Epoch.HANDSHAKE)

    @property
    def done(self) -> bool:
        return bool(self.server.state == tls.State.SERVER_POST_HANDSHAKE)


def _show(context: tls.Context) -> None:
    shown = identity()
    context.certificate = tls.load_pem_x509_certificates(shown.certificate)[0]
    context.certificate_private_key = tls.load_pem_private_key(shown.key)


@contextmanager
def alert(description: tls.AlertDescription) -> Iterator[None]:
    with pytest.raises(tls.Alert) as caught:
        yield
    assert caught.value.description == description


def test_a_client_with_a_certificate() -> None:
    meeting = Meeting()
    assert [message[0] for message in meeting.flight] == [CERTIFICATE, CERTIFICATE_VERIFY, FINISHED]
    meeting.receive(b"".join(meeting.flight))
    assert meeting.done
    assert len(meeting.judged) == 1


def test_it_may_come_byte_by_byte() -> None:
    meeting = Meeting()
    for byte in b"".join(meeting.flight):
        meeting.receive(bytes((byte,)))
    assert meeting.done


def test_a_client_without_a_certificate() -> None:
    meeting = Meeting(shows=False)
    with pytest.raises(CertificateRequired):
        meeting.receive(b"".join(meeting.flight))
    assert not meeting.judged


def test_a_certificate_the_judge_refuses() -> None:
    meeting = Meeting(lambda chain: "it is not ours")
    with pytest.raises(tls.AlertBadCertificate, match="it is not ours"):
        meeting.receive(b"".join(meeting.flight))
    assert not meeting.done


@pytest.mark.parametrize("order", [(2,), (1,), (0, 2), (0, 0), (0, 1, 1), (0, 1, 0)])
def test_messages_in_a_wrong_order(order: tuple[int, ...]) -> None:
    """Nobody gets in by leaving the certificate or its proof out."""
    meeting = Meeting()
    with alert(tls.AlertDescription.unexpected_message):
        meeting.receive(b"".join(meeting.flight[number] for number in order))
    assert not meeting.done


def test_a_proof_that_was_not_made_with_the_key() -> None:
    meeting = Meeting()
    other = Meeting()
    with alert(tls.AlertDescription.decrypt_error):
        meeting.receive(meeting.flight[0] + other.flight[1])
    assert not meeting.judged


def test_a_proof_by_an_algorithm_that_was_not_offered() -> None:
    meeting = Meeting()
    proof = meeting.flight[1]
    with alert(tls.AlertDescription.illegal_parameter):
        meeting.receive(meeting.flight[0] + proof[:4] + b"\x02\x01" + proof[6:])


def test_a_finish_that_does_not_match_what_was_said() -> None:
    meeting = Meeting()
    finish = meeting.flight[2]
    with alert(tls.AlertDescription.decrypt_error):
        meeting.receive(b"".join(meeting.flight[:2]) + finish[:-1] + bytes((finish[-1] ^ 1,)))
    assert not meeting.done


def test_a_message_without_end() -> None:
    meeting = Meeting()
    with alert(tls.AlertDescription.decode_error):
        meeting.receive(bytes((CERTIFICATE,)) + b"\xff\xff\xff" + bytes(100))


# Keys


def hello_of(client: tls.Context) -> bytes:
    out = buffers()
    client.handle_message(b"", out, epoch=tls.Epoch.INITIAL)
    return out[tls.Epoch.INITIAL].data


def kem_share(hello: bytes) -> bytes:
    shares = dict(tls.pull_client_hello(Buffer(data=hello)).key_share or ())
    return bytes(shares[tls.Group.X25519ML768])


def test_a_key_that_is_none_is_refused_before_it_is_used() -> None:
    """The library's compiled part would panic."""
    hello = hello_of(tls.Context(is_client=True, server_name=NAME, verify_mode=0))
    share = kem_share(hello)
    assert is_kem_key(share)
    for wrong in (
        b"\xff\xff\xff" + share[3:],
        share[:3] + b"\x01\x0d\x00" + share[6:],
        b"\x00\x10\xd0" + share[3:],
    ):
        assert not is_kem_key(wrong)
        server = tls.Context(is_client=False, verify_mode=0)
        _show(server)
        KeyCheckingContext.take_over(server)
        with alert(tls.AlertDescription.illegal_parameter):
            server.handle_message(hello.replace(share, wrong), buffers(), epoch=tls.Epoch.INITIAL)
    assert is_kem_key(b"\x00\x0d\xd0" + share[3:])
    assert not is_kem_key(share[:1151])


class Unheard:
    """A handler nobody calls before the handshake is done."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(name)


HELLO = hello_of(tls.Context(is_client=True, server_name=NAME, verify_mode=0, alpn_protocols=["frp"]))
CONFIGURATION = server_configuration(identity(), QuicLimits())


def server(judge: Judge | None) -> QuicTlsBridge:
    """The TLS half of a server's new connection."""
    core = QuicCore(
        CONFIGURATION,
        cast(Handler, Unheard()),
        QuicLimits(),
        original_cid=bytes(8),
        peer_cid=b"",
        judge=judge,
    )
    core._version = 1
    return core._create_tls(None)


@pytest.mark.parametrize("judge", [None, lambda chain: ""], ids=["open", "demanding"])
@given(at=st.integers(0, len(HELLO)), inserted=st.binary(max_size=8), dropped=st.integers(0, 8))
def test_a_changed_hello_is_answered_or_refused(
    judge: Judge | None, at: int, inserted: bytes, dropped: int
) -> None:
    """The library must not give up in any other way, whatever a stranger says first."""
    body = (HELLO[:at] + inserted + HELLO[at + dropped :])[4:]
    with suppress(QuicTlsBridgeError):
        server(judge).receive_crypto(tls.Epoch.INITIAL, b"\x01" + len(body).to_bytes(3, "big") + body)


def test_what_the_library_does_not_expect_is_an_error_of_the_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    class Panic(BaseException):
        pass

    def panics(*args: object, **more: object) -> None:
        raise Panic("at the compiled part")

    monkeypatch.setattr(KeyCheckingContext, "_server_handle_hello", panics)
    with pytest.raises(QuicTlsBridgeError, match="Panic: at the compiled part"):
        server(None).receive_crypto(tls.Epoch.INITIAL, HELLO)
