"""Checks of TLS: certificate files, and the certificate that a server shows."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from aiofrp.cli.own.doctor.report import Finding, fix_of, ok, problem, warning
from aiofrp.config.models.shared import TlsConfig
from aiofrp.errors import ConfigError, FrpError
from aiofrp.hints.catalogue import find
from aiofrp.transport.base import DialOptions
from aiofrp.transport.outbound import reach
from aiofrp.transport.session import Securer
from aiofrp.transport.tls.contexts import TlsFiles, client_context, read_identity, verifying_context
from aiofrp.transport.websocket import upgraded
from aiofrp.wire.addresses import join_host_port

if TYPE_CHECKING:
    from cryptography import x509

#: Days before its end from which a certificate is warned about.
SOON = 21
#: Names of a certificate that are shown.
_MOST_NAMES = 5


def now() -> datetime.datetime:
    """The time that certificates are judged at."""
    return datetime.datetime.now(datetime.UTC)


def describe(certificate: x509.Certificate) -> str:
    """Names, issuer and end of a certificate, one line."""
    found = names(certificate)
    shown = ", ".join(found[:_MOST_NAMES]) + (
        f" and {len(found) - _MOST_NAMES} more" if found[_MOST_NAMES:] else ""
    )
    signed = certificate.issuer == certificate.subject
    issuer = (
        "self-signed" if signed else f"signed by {certificate.issuer.rfc4514_string() or 'a nameless issuer'}"
    )
    return f"for {shown or 'no name'}, {issuer}, valid until {certificate.not_valid_after_utc:%Y-%m-%d}"


def names(certificate: x509.Certificate) -> list[str]:
    """The host names and addresses that a certificate is for; its common name where it has none of them."""
    from cryptography import x509

    from aiofrp.stream.tls.verified import names_of  # as slow to load

    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return names_of(certificate) or [str(attribute.value) for attribute in common]


def judged(certificate: x509.Certificate, what: str, at: datetime.datetime) -> Finding:
    """Whether a certificate is valid ``at`` a time; ``what`` says whose it is."""
    text = f"{what}: {describe(certificate)}"
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if at > last:
        return problem(f"{text}; it expired {(at - last).days} days ago", "renew the certificate")
    if at < first:
        return problem(
            f"{text}; it is valid from {first:%Y-%m-%d %H:%M} UTC on", "set the clock of this machine or wait"
        )
    if (last - at).days < SOON:
        return warning(f"{text}; that is in {(last - at).days} days", "renew the certificate")
    return ok(text)


def file_findings(files: TlsFiles, key: str, *, server_side: bool) -> list[Finding]:
    """What is to be said about the certificate files of a table; ``key`` is its name in the configuration."""
    found: list[Finding] = []
    if bool(files.cert_file) is not bool(files.key_file):
        found.append(warning(f"{key}.certFile and {key}.keyFile are used only together", "name both"))
    try:
        pem, _ = read_identity(files)
        found += [judged(certificate, f"{key}.certFile", now()) for certificate in _certificates(pem)]
    except ConfigError as error:
        found.append(
            problem(error.text, fix_of(find("listen", error.text), f"see {key}.certFile and {key}.keyFile"))
        )
    if files.trusted_ca_file:
        found += _authorities(files, key, server_side=server_side)
    return found


def _authorities(files: TlsFiles, key: str, *, server_side: bool) -> list[Finding]:
    alone = TlsConfig(trusted_ca_file=files.trusted_ca_file)
    try:
        verifying_context(alone, server_side=server_side)
        certificates = _certificates(Path(files.trusted_ca_file).read_bytes())
    except ConfigError as error:
        return [problem(error.text, fix_of(find("listen", error.text), f"see {key}.trustedCaFile"))]
    except OSError as error:
        return [problem(str(error), f"see {key}.trustedCaFile")]
    over = [certificate for certificate in certificates if certificate.not_valid_after_utc < now()]
    if len(over) == len(certificates):
        return [judged(certificate, f"{key}.trustedCaFile", now()) for certificate in over[:1]]
    return [ok(f"{key}.trustedCaFile: {len(certificates)} certificates, {len(over)} of them expired")]


def _certificates(pem: bytes) -> list[x509.Certificate]:
    """The certificates in a text. Raises :class:`~aiofrp.errors.ConfigError`."""
    if not pem:
        return []
    import warnings

    from cryptography import x509

    try:
        with warnings.catch_warnings(action="ignore"):  # certificates with a serial number of 0, and the like
            return x509.load_pem_x509_certificates(pem)
    except ValueError as error:
        raise ConfigError(f"no certificates in PEM: {error}") from None


async def shown_by(options: DialOptions, protocol: str) -> x509.Certificate:
    """The certificate that the server shows to a client with ``options``, whoever signed it.

    Raises :class:`~aiofrp.errors.FrpError`."""
    from cryptography import x509

    files = options.tls_files
    plain = TlsConfig(cert_file=files.cert_file, key_file=files.key_file) if files else TlsConfig()
    context = client_context(plain)  # without authorities it takes every certificate
    secure = Securer(replace(options, tls=lambda: context), lead_byte=protocol != "wss")
    stream = await reach(options)
    if protocol == "websocket":
        stream = await upgraded(stream, join_host_port(options.host, options.port))
    stream = await secure(stream)
    try:
        return x509.load_der_x509_certificate(stream.info("ssl_object").getpeercert(True))
    finally:
        stream.abort()


async def server_finding(options: DialOptions, protocol: str, tls: TlsConfig) -> Finding:
    """What is to be said about the server's certificate. Raises :class:`~aiofrp.errors.FrpError`."""
    certificate = await shown_by(options, protocol)
    if not tls.trusted_ca_file:
        text = f"encrypted; the server's certificate is not verified ({describe(certificate)})"
        return ok(f"{text}, as transport.tls.trustedCaFile is empty")
    finding = judged(certificate, "the server's certificate", now())
    assert options.tls is not None
    secure = Securer(options, lead_byte=protocol != "wss")
    stream = await reach(options)
    if protocol == "websocket":
        stream = await upgraded(stream, join_host_port(options.host, options.port))
    try:
        stream = await secure(stream)
    except FrpError as error:
        failed = FrpError(f"{error.text}; the certificate is {describe(certificate)}")
        failed.hint = error.hint
        raise failed from None
    stream.abort()
    return finding
