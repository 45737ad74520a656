"""What a peer is, by its first bytes."""

from __future__ import annotations

import pytest

from aiofrp.hints.peers import recognised
from aiofrp.wire.frp.codec import V1
from aiofrp.wire.frp.messages import LoginResp
from aiofrp.wire.yamux import ACK, PING, WINDOW_UPDATE, header


@pytest.mark.parametrize(
    ("data", "kind", "name"),
    [
        (b"", "nothing", ""),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", "ssh", "an SSH server (SSH-2.0-OpenSSH_9.2p1)"),
        (b"SSH-", "ssh", "an SSH server (SSH-)"),
        (b"HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\n", "http", "a web server (nginx/1.22.1)"),
        (b"HTTP/1.0 200 OK\r\n", "http", "a web server"),
        (b"<html>", "http", "a web server"),
        (b"220 mail.example ESMTP\r\n", "greeting", "a mail or FTP server"),
        (b"J\0\0\0\n8.0.36\0", "greeting", "a MySQL server"),
        (b"-ERR unknown command\r\n", "greeting", "a Redis server"),
        (b"\x15\x03\x03\x00\x02\x02\x28", "tls alert", "a TLS server (alert handshake_failure)"),
        (b"\x15\x03\x03\x00\x02\x02\xff", "tls alert", "a TLS server (alert 255)"),
        (b"\x15\x03", "tls alert", "a TLS server"),
        (b"\x16\x03\x03\x00\x7a", "tls", "a TLS server"),
        (header(PING, ACK, 0, 0), "yamux", "a program with yamux"),
        (header(WINDOW_UPDATE, ACK, 1, 0), "yamux", "a program with yamux"),
        (V1.encode(LoginResp(version="0.70.0", run_id="x")), "frp", "frps"),
        (b"\x00\x00", "other", "another program"),
        (b"\xff" * 300, "other", "another program"),
    ],
)
def test_recognised(data: bytes, kind: str, name: str) -> None:
    facts = recognised(data)
    assert facts["peer"] == kind
    assert facts.get("peer_name", "") == name


def test_any_bytes_are_taken() -> None:
    for first in range(256):
        for rest in (b"", b"\0" * 20, b"\xff\xfe" * 10, b"\n\n\n"):
            assert recognised(bytes([first]) + rest)["peer"]
            for begin in (b"SSH-", b"HTTP/", b"\x15\x03"):
                assert len(str(recognised(begin + bytes([first]) + rest))) < 200
