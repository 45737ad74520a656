"""The certificate of a side that was given none, as another library reads it."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from aiofrp.transport.tls import selfsigned
from aiofrp.transport.tls.selfsigned import self_signed


def test_the_certificate() -> None:
    pem, key_pem = self_signed()
    certificate, key = x509.load_pem_x509_certificate(pem), serialization.load_pem_private_key(key_pem, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    assert isinstance(key.curve, ec.SECP256R1)
    assert certificate.public_key() == key.public_key()
    assert certificate.version is x509.Version.v3
    assert (certificate.subject, certificate.issuer) == (x509.Name([]), x509.Name([]))
    assert len(certificate.extensions) == 0
    certificate.verify_directly_issued_by(certificate)
    valid = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert valid == datetime.timedelta(days=3650, hours=1)
    now = datetime.datetime.now(datetime.UTC)
    assert certificate.not_valid_before_utc < now < certificate.not_valid_after_utc


def test_each_is_another() -> None:
    pairs = [self_signed() for _ in range(3)]
    serials = {x509.load_pem_x509_certificate(certificate).serial_number for certificate, _ in pairs}
    assert len(serials) == len({key for _, key in pairs}) == 3
    assert all(0 < serial < 2**159 for serial in serials)


def test_a_certificate_that_outlasts_2049_has_the_long_form_of_time(monkeypatch: pytest.MonkeyPatch) -> None:
    later = int(datetime.datetime(2045, 6, 1, tzinfo=datetime.UTC).timestamp())
    monkeypatch.setattr(selfsigned, "_now", lambda: later)
    certificate = x509.load_pem_x509_certificate(self_signed()[0])
    assert certificate.not_valid_before_utc.year == 2045
    assert certificate.not_valid_after_utc == datetime.datetime(2055, 5, 30, tzinfo=datetime.UTC)
