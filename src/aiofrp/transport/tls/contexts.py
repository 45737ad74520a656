"""TLS contexts of both programs (docs/protocol/wire.md §2)."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from aiofrp.errors import ConfigError
from aiofrp.stream.tls.stream import TlsContext
from aiofrp.transport.tls.selfsigned import self_signed

if TYPE_CHECKING:
    from aiofrp.stream.tls.verified import VerifyingContext

#: Session tickets a server issues per handshake: neither frp's clients nor ours resume sessions; browsers do.
_TICKETS, _USER_TICKETS = 0, 1


class TlsFiles(Protocol):
    """The file settings of ``transport.tls``, on either side."""

    @property
    def cert_file(self) -> str: ...
    @property
    def key_file(self) -> str: ...
    @property
    def trusted_ca_file(self) -> str: ...


def server_context(files: TlsFiles) -> TlsContext:
    """The context frps ends TLS with: its certificate, or a fresh self-signed one; with ``trusted_ca_file`` clients
    must show a certificate of that CA. Raises :class:`~aiofrp.errors.ConfigError`."""
    if files.trusted_ca_file:
        verifying = verifying_context(files, server_side=True)
        if not (files.cert_file and files.key_file):
            verifying.use_identity(*self_signed())
        return verifying
    return identity_context(files)


def identity_context(files: TlsFiles) -> ssl.SSLContext:
    """A server's context that asks for no client certificate. Raises :class:`~aiofrp.errors.ConfigError`."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = _TICKETS
    if files.cert_file and files.key_file:
        _load_cert(context, files.cert_file, files.key_file)
    else:
        _load_identity(context, *self_signed())
    return context


class UserTls(ssl.SSLObject):
    """The server side of a connection made with :func:`user_context`."""

    #: The name in the user's ClientHello as it came (RFC 6066 §3), empty without one.
    server_name: str = ""


def user_context(files: TlsFiles, protocols: Sequence[str]) -> ssl.SSLContext:
    """A context for the users of a plugin of frpc: the certificate of ``files``, or the one self-signed certificate of
    this process where they do not name both. ``protocols``: what is offered by ALPN (RFC 7301), the best first.

    Users may resume sessions, and their order of ciphers decides: it knows whether their processor has AES.
    Raises :class:`~aiofrp.errors.ConfigError`."""
    context = _context(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = _USER_TICKETS
    context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    context.sslobject_class = UserTls
    context.sni_callback = _note_server_name  # type: ignore[assignment]  # typeshed wants an SSLSocket
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if files.cert_file and files.key_file:
        _load_cert(context, files.cert_file, files.key_file)
    else:
        _load_identity(context, *_kept_identity())
    return context


@cache
def _kept_identity() -> tuple[bytes, bytes]:
    return self_signed()


def _note_server_name(tls: UserTls, name: str | None, context: ssl.SSLContext) -> None:
    tls.server_name = name or ""


def client_context(files: TlsFiles) -> TlsContext:
    """The context frpc dials with: it verifies chain and name only when ``trusted_ca_file`` is set.

    Raises :class:`~aiofrp.errors.ConfigError`."""
    if files.trusted_ca_file:
        return verifying_context(files, server_side=False)
    context = _context(ssl.PROTOCOL_TLS_CLIENT)
    if files.cert_file and files.key_file:
        _load_cert(context, files.cert_file, files.key_file)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def verifying_context(files: TlsFiles, *, server_side: bool) -> VerifyingContext:
    """The context of a side that has a ``trusted_ca_file``. Raises :class:`~aiofrp.errors.ConfigError`."""
    from aiofrp.stream.tls.verified import VerifyingContext

    if files.cert_file and files.key_file:
        _load_cert(_context(ssl.PROTOCOL_TLS_SERVER), files.cert_file, files.key_file)  # for its error texts
    _check_readable(files.trusted_ca_file)
    try:
        return VerifyingContext(
            files.trusted_ca_file, files.cert_file, files.key_file, server_side=server_side
        )
    except (ssl.SSLError, OSError) as exc:
        raise ConfigError(
            f'failed to parse CA certificate from file "{files.trusted_ca_file}": no valid PEM certificates found',
            "transport.tls.trustedCaFile",
        ) from exc


def read_identity(files: TlsFiles) -> tuple[bytes, bytes]:
    """Certificates and key of ``files``, PEM with nothing else in it, both empty where it names none.

    Raises :class:`~aiofrp.errors.ConfigError`."""
    if not (files.cert_file and files.key_file):
        return b"", b""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    _load_cert(_context(ssl.PROTOCOL_TLS_SERVER), files.cert_file, files.key_file)  # for its checks
    pem = serialization.Encoding.PEM
    try:
        chain = x509.load_pem_x509_certificates(Path(files.cert_file).read_bytes())
        key = serialization.load_pem_private_key(Path(files.key_file).read_bytes(), None)
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as exc:
        raise ConfigError(
            f"cannot use certificate {files.cert_file} with key {files.key_file}: {exc}",
            "transport.tls.certFile",
        ) from exc
    private = serialization.PrivateFormat.PKCS8
    return (
        b"".join(certificate.public_bytes(pem) for certificate in chain),
        key.private_bytes(pem, private, serialization.NoEncryption()),
    )


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _load_identity(context: ssl.SSLContext, cert: bytes, key: bytes) -> None:
    """Let ``context`` show a certificate and its key, PEM; ssl reads files only."""
    with contextlib.suppress(OSError, AttributeError):  # a file in memory, where the system has such
        memory = os.memfd_create("aiofrp-tls")
        try:
            os.write(memory, cert + key)
            context.load_cert_chain(f"/proc/self/fd/{memory}")
        finally:
            os.close(memory)
        return
    import tempfile  # here, as it takes long to load

    with tempfile.TemporaryDirectory(prefix="aiofrp-tls-") as folder:  # mode 0700
        path = Path(folder, "self-signed.pem")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(cert + key)
        context.load_cert_chain(path)


def _load_cert(context: ssl.SSLContext, cert_file: str, key_file: str) -> None:
    for name in (cert_file, key_file):
        _check_readable(name)
    try:
        context.load_cert_chain(cert_file, key_file, _no_passphrase)
    except (ssl.SSLError, OSError) as exc:
        raise ConfigError(
            f"cannot use certificate {cert_file} with key {key_file}: {exc}: both must be PEM and belong together",
            "transport.tls.certFile",
        ) from exc


def _no_passphrase() -> str:
    """Given for an encrypted key, which then cannot be read; OpenSSL itself would ask on the terminal."""
    return ""


def _check_readable(name: str) -> None:
    try:
        with open(name, "rb"):
            pass
    except OSError as exc:
        raise ConfigError(f"open {name}: {(exc.strerror or str(exc)).lower()}") from exc
