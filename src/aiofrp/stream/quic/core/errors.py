"""How QUIC connections fail, in words that name the likely cause."""

from __future__ import annotations

from aiofrp.errors import Closed, TransportError

#: Codes of a failed TLS handshake are this and the alert (RFC 9001 §4.8).
CRYPTO_ERROR = 0x100
#: What alerts of the peer's mean, and our own (RFC 8446 §6.2).
_PEERS_ALERTS = {
    40: "the peer refused the handshake",
    42: "the peer refused our certificate",
    48: "the peer does not trust our certificate's issuer (its transport.tls.trustedCaFile)",
    116: "the peer demands a client certificate (transport.tls.certFile, keyFile)",
    120: "the peer does not speak frp here",
}
_OUR_ALERTS = {
    42: "the peer's certificate was refused",
    116: "the client sent no certificate, and transport.tls.trustedCaFile demands one",
    120: "the peer does not speak frp here",
}


class QuicFailed(TransportError):
    """The connection could not be made; the text says the likely cause."""


class NoMoreStreams(Closed):
    """The peer allows no more streams until one ends."""


def explain(code: int, reason: str, *, by_peer: bool, ready: bool) -> TransportError:
    """The end of a connection with ``code``; ``by_peer``: the peer sent it. ``ready``: the handshake was done."""
    if CRYPTO_ERROR <= code < CRYPTO_ERROR + 0x100:
        alert = code - CRYPTO_ERROR
        meaning = (_PEERS_ALERTS if by_peer else _OUR_ALERTS).get(alert, f"alert {alert}")
        return QuicFailed(f"TLS: {meaning}" + (f": {reason}" if reason else ""))
    if not code:
        return Closed("the peer closed the QUIC connection" + (f": {reason}" if reason else ""))
    text = f"quic: the connection ended with code {code:#x}" + (f": {reason}" if reason else "")
    return Closed(text) if ready else QuicFailed(text)
