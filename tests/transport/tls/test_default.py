"""The context for servers that are verified: strict about names and signatures, and not about more than Go is."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from aiofrp.transport.tls.default import default_context
from tests.support.certs import NAME, authority


def handshake(client: ssl.SSLContext, name: str) -> None:
    """Between memory buffers. Raises what the client has against the server."""
    ends = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(ends[0], ends[1], server_hostname=name)
    theirs = authority().server_context().wrap_bio(ends[1], ends[0], server_side=True)
    for _ in range(4):
        for end in (ours, theirs):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_an_authority_without_a_key_identifier_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "ca.crt"
    file.write_bytes(authority().ca)
    context = default_context(str(file))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    handshake(context, NAME)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(context, "other.test")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(default_context(), NAME)
