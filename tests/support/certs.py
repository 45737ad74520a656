"""A certificate authority for tests, and the TLS contexts of both sides."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: The name certificates of :func:`authority` are for where none is given.
NAME = "frp.test"


@dataclass(frozen=True, slots=True)
class Authority:
    """One CA and a leaf certificate it signed, in PEM."""

    ca: bytes
    certificate: bytes
    key: bytes

    def server_context(self, *, client_ca: bytes | None = None) -> ssl.SSLContext:
        """What a server needs; with ``client_ca`` it demands a certificate of that CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._load(context)
        if client_ca is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(cadata=client_ca.decode())
        return context

    def client_context(self, *, certificate: bool = False) -> ssl.SSLContext:
        """What a client that trusts this CA needs; with ``certificate`` it shows one."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cadata=self.ca.decode())
        if certificate:
            self._load(context)
        return context

    def _load(self, context: ssl.SSLContext) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "pair.pem"
            path.write_bytes(self.key + self.certificate)
            context.load_cert_chain(path)


def authority(name: str = "tests", host: str = NAME, since: int = -1) -> Authority:
    """The CA called ``name`` and its certificate for ``host``, valid for 25 hours that begin ``since`` hours from now;
    made on first use."""
    return _made(name, host, since)


@cache
def _made(name: str, host: str, since: int) -> Authority:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA {name}")])
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName(
        [x509.DNSName(host), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    )
    leaf = (
        _builder(x509.Name([]), ca_name, key.public_key(), since)
        .add_extension(names, critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    return Authority(ca.public_bytes(pem), leaf.public_bytes(pem), private)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, since: int = -1
) -> x509.CertificateBuilder:
    first = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=since)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(first)
        .not_valid_after(first + datetime.timedelta(hours=25))
    )
