"""TLS that verifies the peer's certificate as the reference does, for connections with a ``trustedCaFile``.

With the standard library a certificate whose subject equals its issuer's is always refused: OpenSSL takes it for a
self-signed one, although another key signed it. Go checks the signature, and such certificates are in use. pyOpenSSL
lets us decide that one case; everything else is OpenSSL's decision.
"""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import re
import ssl
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import SSL, crypto

from aiofrp.stream.base import Buffer

#: X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT (openssl/x509_vfy.h).
_SELF_SIGNED_LEAF = 18
_NOT_YET, _EXPIRED = 9, 10
_UNREADABLE = "it cannot be read"
_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.S)
#: Names of a certificate for another host that are shown.
_MOST_NAMES = 5
#: OpenSSL's other verdicts in words (openssl/x509_vfy.h).
_PROBLEMS = {
    2: "its issuer is unknown",
    7: "its signature is wrong",
    9: "it is not valid yet",
    10: "it has expired",
    18: "it is self-signed",
    19: "its chain ends in a self-signed certificate that is not trusted",
    20: "it is not signed by a CA of transport.tls.trustedCaFile",
    21: "it is not signed by a CA of transport.tls.trustedCaFile",
    24: "its issuer is no CA",
    26: "it is not meant for this purpose (extended key usage)",
}
#: Bytes asked for at once: a TLS record's plaintext, and what one wake-up may have produced.
_RECORD, _CHUNK = 16384, 256 * 1024


class VerifyingContext:
    """What :class:`~aiofrp.stream.tls.stream.TlsStream` needs of a context, with pyOpenSSL behind it."""

    def __init__(self, ca_file: str, cert_file: str = "", key_file: str = "", *, server_side: bool) -> None:
        """Raises :class:`ssl.SSLError` or :class:`OSError` for unusable files; files are PEM."""
        with open(ca_file, "rb") as file:
            self._authorities_pem = file.read()
        self._server_side = server_side
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self._context.set_options(SSL.OP_NO_COMPRESSION)
        self._context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        try:
            self._context.load_verify_locations(ca_file)
            if cert_file and key_file:
                self._context.use_certificate_chain_file(cert_file)
                self._context.use_privatekey_file(key_file)
                self._context.check_privatekey()
        except SSL.Error as exc:
            raise _error(exc) from exc
        self._context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, self._judge)

    @cached_property
    def _authorities(self) -> list[x509.Certificate]:
        """Those that can be parsed; OpenSSL has all. Few connections need them."""
        return list(_readable(self._authorities_pem))

    def use_identity(self, certificate: bytes, key: bytes) -> None:
        """Show ``certificate`` with ``key``, both PEM."""
        self._context.use_certificate(crypto.load_certificate(crypto.FILETYPE_PEM, certificate))
        self._context.use_privatekey(crypto.load_privatekey(crypto.FILETYPE_PEM, key))

    def open(self, *, server_side: bool, server_hostname: str | None) -> VerifiedTls:
        """One connection; a client checks the certificate's name against ``server_hostname``."""
        connection = SSL.Connection(self._context, None)
        verdict = _Verdict(server_hostname or "")
        connection.set_app_data(verdict)
        if server_side:
            connection.set_accept_state()
        else:
            connection.set_connect_state()
            if server_hostname and not _is_ip(server_hostname):
                connection.set_tlsext_host_name(server_hostname.encode("idna"))
        return VerifiedTls(connection, verdict)

    def judge_chain(self, chain: Sequence[bytes], name: str = "") -> str:
        """What is wrong with a chain that the TLS of another library showed, DER, the peer's own certificate first;
        empty if nothing. ``name``: the host it must be for, empty for any."""
        if not chain:
            return "there is none"
        try:
            first, *others = (crypto.load_certificate(crypto.FILETYPE_ASN1, der) for der in chain)
            leaf = _parsed(first)
        except (crypto.Error, ValueError):
            return _UNREADABLE
        store = self._context.get_cert_store()
        assert store is not None
        try:
            crypto.X509StoreContext(store, first, others).verify_certificate()
        except crypto.X509StoreContextError as exc:
            code, depth = exc.errors[0], exc.errors[1]
            if not (code == _SELF_SIGNED_LEAF and depth == 0 and self._issued(leaf)):
                return _problem(code, exc.certificate)
        if not self._has_purpose(leaf):
            return _PROBLEMS[26]
        if name and not matches_name(leaf, name):
            return _other_name(leaf, name)
        return ""

    def _judge(self, connection: SSL.Connection, cert: crypto.X509, code: int, depth: int, ok: int) -> bool:
        verdict = connection.get_app_data()
        assert isinstance(verdict, _Verdict)
        verdict.problem = self._problem_of(verdict.name, cert, code, depth, ok=bool(ok))
        return not verdict.problem

    def _problem_of(self, name: str, cert: crypto.X509, code: int, depth: int, *, ok: bool) -> str:
        """What is wrong with one certificate of a chain; empty if nothing. Only that of the peer itself is parsed."""
        if depth:
            return "" if ok else _problem(code, cert)
        try:
            leaf = _parsed(cert)
        except ValueError:
            return _UNREADABLE
        if not ok and not (code == _SELF_SIGNED_LEAF and self._issued(leaf)):
            return _problem(code, cert)
        return _other_name(leaf, name) if name and not matches_name(leaf, name) else ""

    def _issued(self, leaf: x509.Certificate) -> bool:
        """Whether one of our authorities signed ``leaf``, and it may be used for this, now."""
        now = datetime.datetime.now(datetime.UTC)
        if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
            return False
        return self._has_purpose(leaf) and any(_signed_by(leaf, issuer) for issuer in self._authorities)

    def _has_purpose(self, leaf: x509.Certificate) -> bool:
        try:
            usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        except x509.ExtensionNotFound:
            return True
        wanted = ExtendedKeyUsageOID.CLIENT_AUTH if self._server_side else ExtendedKeyUsageOID.SERVER_AUTH
        return wanted in usages or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages


@dataclass(slots=True)
class _Verdict:
    """What one connection's verification is about, and why it failed."""

    name: str
    problem: str = field(default="")


class VerifiedTls:
    """One connection: the calls of :class:`ssl.SSLObject` and of its two memory buffers."""

    def __init__(self, connection: SSL.Connection, verdict: _Verdict) -> None:
        self._connection = connection
        self._verdict = verdict
        self._ended = False
        self.incoming = Incoming(self)
        self.outgoing = Outgoing(connection)

    def feed(self, data: Buffer) -> None:
        """Bytes from the peer."""
        self._connection.bio_write(bytes(data))

    @property
    def end_unread(self) -> bool:
        """Whether the peer's close_notify came, and :meth:`read` has not returned ``b""`` for it yet."""
        return self._ended

    def do_handshake(self) -> None:
        """Go on with the handshake; raises :class:`ssl.SSLError` as the standard library does."""
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            raise ssl.SSLWantReadError from None
        except SSL.Error as exc:
            if self._verdict.problem:
                error = ssl.SSLCertVerificationError(1, self._verdict.problem)
                error.verify_message = self._verdict.problem
                raise error from exc
            raise _error(exc) from exc

    def read(self, size: int) -> bytes:
        """Everything that can be decrypted now, however much; ``b""`` after the peer's close_notify."""
        if self._ended:
            self._ended = False
            return b""
        chunks: list[bytes] = []
        try:
            while True:
                chunks.append(self._connection.recv(_RECORD))
        except SSL.WantReadError:
            if not chunks:
                raise ssl.SSLWantReadError from None
        except SSL.ZeroReturnError:
            if not chunks:
                return b""
            self._ended = True
        except SSL.Error as exc:
            raise _error(exc) from exc
        return b"".join(chunks)

    def write(self, data: Buffer) -> int:
        """Encrypt ``data``; returns how many bytes were taken."""
        try:
            return int(self._connection.send(bytes(data)))
        except SSL.Error as exc:
            raise _error(exc) from exc

    def unwrap(self) -> None:
        """Send close_notify."""
        try:
            self._connection.shutdown()
        except SSL.Error as exc:
            raise _error(exc) from exc


class Incoming:
    """The place of :class:`ssl.MemoryBIO` for bytes from the peer."""

    __slots__ = ("_tls",)

    def __init__(self, tls: VerifiedTls) -> None:
        self._tls = tls

    def write(self, data: Buffer) -> None:
        """Take bytes of the peer."""
        self._tls.feed(data)

    @property
    def pending(self) -> int:
        """Above 0 while the end of the peer's bytes is not read."""
        return int(self._tls.end_unread)


class Outgoing:
    """The place of :class:`ssl.MemoryBIO` for bytes to the peer."""

    __slots__ = ("_connection",)

    def __init__(self, connection: SSL.Connection) -> None:
        self._connection = connection

    @property
    def pending(self) -> int:
        """Above 0 if there may be bytes to send."""
        return 1  # unknown; read() returns nothing when there is nothing

    def read(self) -> bytes:
        """What is to be sent now."""
        chunks: list[bytes] = []
        try:
            while True:
                chunks.append(self._connection.bio_read(_CHUNK))
        except SSL.WantReadError:
            return b"".join(chunks)


def _parsed(cert: crypto.X509) -> x509.Certificate:
    """``cert`` for the library that reads its fields. Raises :class:`ValueError` for one that it does not take."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about what a later release of the library will not take
        return cert.to_cryptography()


def _readable(pem: bytes) -> Iterator[x509.Certificate]:
    """The certificates of a file one by one, without those that the library does not take, such as with serial 0."""
    for block in _CERTIFICATE.findall(pem):
        with contextlib.suppress(ValueError, crypto.Error):
            yield _parsed(crypto.load_certificate(crypto.FILETYPE_PEM, block))


def _problem(code: int, cert: crypto.X509) -> str:
    """What OpenSSL's verdict ``code`` about a certificate means."""
    text = _PROBLEMS.get(code, f"OpenSSL verification error {code}")
    when = {_NOT_YET: cert.get_notBefore, _EXPIRED: cert.get_notAfter}.get(code, lambda: None)()
    if when is None:
        return text
    date = when.decode("ascii", "replace")  # YYYYMMDDhhmmssZ
    return f"{text} ({'from' if code == _NOT_YET else 'on'} {date[:4]}-{date[4:6]}-{date[6:8]})"


def _other_name(leaf: x509.Certificate, name: str) -> str:
    """That ``leaf`` is not for ``name``, and for which names it is: the first of them."""
    names = ", ".join(names_of(leaf)[:_MOST_NAMES]) or "no name"
    return f"it is not for {name}, but for {names} (transport.tls.serverName)"


def names_of(leaf: x509.Certificate) -> list[str]:
    """The host names and addresses that a certificate is for, by its subject alternative names."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    ]


def matches_name(leaf: x509.Certificate, name: str) -> bool:
    """Whether a certificate is for ``name``, by its subject alternative names (RFC 6125 §6.4)."""
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return False
    if _is_ip(name):
        return ipaddress.ip_address(name) in names.get_values_for_type(x509.IPAddress)
    return any(_same_host(pattern, name) for pattern in names.get_values_for_type(x509.DNSName))


def _same_host(pattern: str, name: str) -> bool:
    wanted, given = name.lower().rstrip(".").split("."), pattern.lower().rstrip(".").split(".")
    if len(wanted) != len(given):
        return False
    return given[1:] == wanted[1:] and given[0] in ("*", wanted[0])


def _signed_by(leaf: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return _may_sign(issuer)


def _may_sign(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _error(exc: SSL.Error) -> ssl.SSLError:
    """pyOpenSSL's error as the standard library's, with the reason that
    :func:`aiofrp.stream.tls.failures.explain` needs."""
    details: Sequence[tuple[str, str, str]] = exc.args[0] if exc.args else ()
    reason = details[-1][2] if details else str(exc)
    error = ssl.SSLError(1, reason or "connection ended")
    error.reason = (reason or "connection ended").replace(" ", "_").upper()
    return error
