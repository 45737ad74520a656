"""What a peer is, by the first bytes it sent: the evidence that decides about hints."""

from __future__ import annotations

from typing import Final

#: First bytes → the kind of peer, and its name. The longer beginning comes first where one begins another.
_BEGINNINGS: Final = (
    (b"SSH-", "ssh", "an SSH server"),
    (b"HTTP/", "http", "a web server"),
    (b"<", "http", "a web server"),
    (b"220", "greeting", "a mail or FTP server"),
    (b"* OK", "greeting", "a mail server"),
    (b"+OK", "greeting", "a mail server"),
    (b"RFB ", "greeting", "a VNC server"),
    (b"-ERR", "greeting", "a Redis server"),
    (b"-DENIED", "greeting", "a Redis server"),
    (b"AMQP", "greeting", "a message broker (AMQP)"),
    (b"\x05\x00", "greeting", "a SOCKS proxy"),
    (b"\x05\xff", "greeting", "a SOCKS proxy"),
    (b"\x03\x00\x00", "greeting", "a remote desktop (RDP)"),
    (b"ESFATAL", "greeting", "a PostgreSQL server"),
    (b"E\x00\x00", "greeting", "a PostgreSQL server"),
    (b"\x15\x03", "tls alert", "a TLS server"),
    (b"\x16\x03", "tls", "a TLS server"),
    (b"1\x00\x00\x00\x00\x00\x00", "frp", "frps"),
)
#: Of a yamux header: version 0, a type, and its 12 bytes.
_YAMUX_TYPES: Final = 3
_YAMUX_HEADER: Final = 12
_MYSQL_PROTOCOL: Final = 10
#: Descriptions of alerts (RFC 8446 §6).
_ALERTS: Final = {
    0: "close_notify",
    10: "unexpected_message",
    22: "record_overflow",
    40: "handshake_failure",
    42: "bad_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    48: "unknown_ca",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version",
    80: "internal_error",
    112: "unrecognized_name",
    116: "certificate_required",
}


def recognised(data: bytes) -> dict[str, str]:
    """The facts about a peer that sent ``data`` first: ``peer`` is its kind, ``peer_name`` a name for people.

    Kinds: ``nothing`` (no byte came), ``ssh``, ``http``, ``tls alert``, ``tls``, ``yamux``, ``frp``, ``greeting``
    (another service that speaks first) and ``other``.
    """
    if not data:
        return {"peer": "nothing"}
    for begin, kind, name in _BEGINNINGS:
        if data.startswith(begin):
            return {"peer": kind, "peer_name": f"{name}{_detail(kind, data)}"}
    if len(data) >= _YAMUX_HEADER and not data[0] and data[1] <= _YAMUX_TYPES and not data[2]:
        return {"peer": "yamux", "peer_name": "a program with yamux"}
    if len(data) > 5 and data[3] == 0 and data[4] == _MYSQL_PROTOCOL:
        return {"peer": "greeting", "peer_name": "a MySQL server"}
    return {"peer": "other", "peer_name": "another program"}


def _detail(kind: str, data: bytes) -> str:
    """What the first bytes say about themselves, in parentheses."""
    text = ""
    if kind == "ssh":
        text = _line(data)
    elif kind == "http":
        fields = [line for line in data.split(b"\n")[1:] if line.lower().startswith(b"server:")]
        text = _line(fields[0].partition(b":")[2]) if fields else ""
    elif kind == "tls alert" and len(data) > 6:
        text = f"alert {_ALERTS.get(data[6], data[6])}"
    return f" ({text})" if text else ""


def _line(data: bytes) -> str:
    return data.splitlines()[0][:60].decode("ascii", "replace").strip() if data else ""
