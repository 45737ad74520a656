"""TLS that judges certificates as the reference does: what OpenSSL alone refuses, and what stays refused."""

from __future__ import annotations

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from aiofrp.stream.memory import memory_pair
from aiofrp.stream.tls.failures import TlsFailed
from aiofrp.stream.tls.stream import TlsStream
from aiofrp.stream.tls.verified import VerifyingContext, matches_name
from tests.support.certs import Authority
from tests.support.ends import End, until

_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])


def twin_names(*, ends_in: datetime.timedelta = datetime.timedelta(days=1)) -> Authority:
    """A CA and a certificate it signed, both called 127.0.0.1, without key identifiers."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)

    def builder(public: ec.EllipticCurvePublicKey, end: datetime.timedelta) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_NAME)
            .issuer_name(_NAME)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=2))
            .not_valid_after(now + end)
        )

    ca = (
        builder(ca_key.public_key(), datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = x509.SubjectAlternativeName([x509.DNSName("frp.test"), x509.DNSName("*.wild.test")])
    leaf = (
        builder(key.public_key(), ends_in).add_extension(names, critical=False).sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Authority(ca.public_bytes(pem), leaf.public_bytes(pem), private)


#: An authority with the serial number 0, which RFC 5280 forbids and Debian's bundle has nine times.
SERIAL_0 = b"""-----BEGIN CERTIFICATE-----
MIIBazCCARCgAwIBAgIBADAKBggqhkjOPQQDAjATMREwDwYDVQQDDAhzZXJpYWwg
MDAgFw0yNjExMjkxMTE4MTVaGA8yMTI2MTEwNTExMTgxNVowEzERMA8GA1UEAwwI
c2VyaWFsIDAwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARHLbh35pkSODD995Qg
ZA9UJ+awUmhlVNJaoKQbPZTygVH3RLVKtFvJDOrXLAGYeZ20+MWj17ymB3ckVrD6
iJFwo1MwUTAdBgNVHQ4EFgQUouqnuaVwXj9hGCN48K7woAtVDs8wHwYDVR0jBBgw
FoAUouqnuaVwXj9hGCN48K7woAtVDs8wDwYDVR0TAQH/BAUwAwEB/zAKBggqhkjO
PQQDAgNJADBGAiEAsLaUatj9DzHFvoVNeBkhccBuFJ3xbhdBqCTKD16PvGACIQCx
PZOHKdlk69WNphc8cVNx3QAMjblzTET92YaXpJyqoQ==
-----END CERTIFICATE-----
"""


class Files:
    """The PEM files of an authority."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca, self.cert, self.key = (str(folder / name) for name in ("ca.pem", "cert.pem", "key.pem"))
        Path(self.ca).write_bytes(authority.ca)
        Path(self.cert).write_bytes(authority.certificate)
        Path(self.key).write_bytes(authority.key)

    def context(self, *, server_side: bool, trusts: Files | None = None) -> VerifyingContext:
        ca = (trusts or self).ca
        return VerifyingContext(ca, self.cert, self.key, server_side=server_side)


async def shake(
    client: VerifyingContext, server: VerifyingContext, name: str = "frp.test"
) -> tuple[End, End]:
    a, b = memory_pair()
    there = End(TlsStream(b, server, server_side=True)).attach()
    here = End(TlsStream(a, client, server_side=False, server_hostname=name)).attach()
    here.write(b"ping")
    await until(lambda: there.data or here.lost or there.lost)
    return here, there


async def test_a_certificate_named_like_its_ca_is_accepted_both_ways(tmp_path: Path) -> None:
    files = Files(tmp_path, twin_names())
    here, there = await shake(files.context(server_side=False), files.context(server_side=True))
    assert bytes(there.data) == b"ping"
    there.write(bytes(300_000))
    await until(lambda: len(here.data) == 300_000)
    here.write_eof()
    await until(lambda: there.eofs)
    there.write(b"late")
    there.close()
    await until(lambda: here.lost)
    assert bytes(here.data[-4:]) == b"late"
    assert here.error is None


@pytest.mark.parametrize("wrong", ["name", "client authority", "server authority", "expired"])
async def test_everything_else_that_is_wrong_is_refused(tmp_path: Path, wrong: str) -> None:
    good, other = Files(tmp_path / "good", twin_names()), Files(tmp_path / "other", twin_names())
    expired = Files(tmp_path / "old", twin_names(ends_in=datetime.timedelta(days=-1)))
    served = expired if wrong == "expired" else good
    client = good.context(
        server_side=False, trusts={"server authority": other, "expired": expired}.get(wrong)
    )
    server = served.context(server_side=True, trusts=other if wrong == "client authority" else good)
    here, there = await shake(client, server, "nope.test" if wrong == "name" else "frp.test")
    assert isinstance(here.error if here.lost else there.error, TlsFailed)
    assert not there.data
    for end in (here, there):
        end.abort()


def test_names_match_as_in_rfc_6125() -> None:
    leaf = x509.load_pem_x509_certificate(twin_names().certificate)
    assert matches_name(leaf, "frp.test")
    assert matches_name(leaf, "FRP.test.")
    assert matches_name(leaf, "a.wild.test")
    assert not matches_name(leaf, "a.b.wild.test")
    assert not matches_name(leaf, "wild.test")
    assert not matches_name(leaf, "127.0.0.1")


def test_a_file_without_certificates_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "empty.pem"
    path.write_text("nothing")
    with pytest.raises(ssl.SSLError):
        VerifyingContext(str(path), server_side=True)


@pytest.mark.parametrize("before", [True, False])
async def test_authorities_that_the_library_warns_about(tmp_path: Path, before: bool) -> None:
    """Warnings are errors here: nothing may be printed, and a later release that refuses them changes nothing."""
    twins = Files(tmp_path, twin_names())
    authorities = Path(twins.ca).read_bytes()
    Path(twins.ca).write_bytes(SERIAL_0 + authorities if before else authorities + SERIAL_0)
    context = VerifyingContext(twins.ca, server_side=False)
    near, far = memory_pair()
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(twins.cert, twins.key)
    end = End(TlsStream(far, there, server_side=True)).attach()
    here = TlsStream(near, context, server_side=False, server_hostname="frp.test")
    here.write(b"hello")
    await until(lambda: end.data == b"hello")
    here.abort()
    end.stream.abort()


async def test_an_expired_certificate_is_refused_with_its_date(tmp_path: Path) -> None:
    ended = Files(tmp_path, twin_names(ends_in=-datetime.timedelta(hours=1)))
    near, far = memory_pair()
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(ended.cert, ended.key)
    End(TlsStream(far, there, server_side=True)).attach()
    context = VerifyingContext(ended.ca, server_side=False)
    here = End(TlsStream(near, context, server_side=False, server_hostname="frp.test")).attach()
    await until(lambda: here.lost)
    assert isinstance(here.error, TlsFailed)
    assert "certificate was refused: it " in here.error.text
