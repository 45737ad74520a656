"""Certificates and keys as files hold them, made fit for a TLS that takes PEM and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from aiofrp.errors import ConfigError
from aiofrp.stream.quic.core.limits import QuicLimits
from aiofrp.transport.quic import server_tls
from aiofrp.transport.tls.contexts import identity_context, read_identity
from tests.support.certs import authority

MADE = authority()
PARAMETERS = b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


@dataclass
class Files:
    """The settings of ``transport.tls``."""

    cert_file: str
    key_file: str
    trusted_ca_file: str = ""


def files(folder: Path, certificate: bytes, key: bytes) -> Files:
    made = Files(str(folder / "tls.crt"), str(folder / "tls.key"))
    Path(made.cert_file).write_bytes(certificate)
    Path(made.key_file).write_bytes(key)
    return made


@pytest.mark.parametrize(
    ("certificate", "key"),
    [
        (MADE.certificate, MADE.key),
        (MADE.certificate + MADE.key, MADE.certificate + MADE.key),
        (MADE.key + MADE.certificate, MADE.key + MADE.certificate),
        (b"Certificate:\n    Data:\n" + MADE.certificate, b"Bag Attributes\n" + MADE.key),
        (MADE.certificate, PARAMETERS + MADE.key),
        (MADE.certificate.replace(b"\n", b"\r\n"), MADE.key.replace(b"\n", b"\r\n")),
        (MADE.certificate.rstrip(), MADE.key.rstrip()),
    ],
    ids=["plain", "one file", "key first", "with text", "with parameters", "Windows", "no last line end"],
)
def test_what_openssl_takes_quic_takes(tmp_path: Path, certificate: bytes, key: bytes) -> None:
    made = files(tmp_path, certificate, key)
    assert read_identity(made) == (MADE.certificate, MADE.key)
    configuration, _ = server_tls(made, QuicLimits())
    assert configuration.private_key


def test_the_chain_stays_whole(tmp_path: Path) -> None:
    made = files(tmp_path, MADE.certificate + MADE.ca, MADE.key)
    configuration, _ = server_tls(made, QuicLimits())
    assert len(configuration.certificate_chain) == 1


@pytest.mark.parametrize(
    ("certificate", "key"),
    [(b"", b""), (MADE.certificate, authority("other").key), (MADE.key, MADE.certificate)],
    ids=["empty", "of another key", "swapped"],
)
def test_what_does_not_belong_together_is_refused(tmp_path: Path, certificate: bytes, key: bytes) -> None:
    with pytest.raises(ConfigError, match="both must be PEM and belong together"):
        server_tls(files(tmp_path, certificate, key), QuicLimits())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"open .*none\.crt: no such file or directory"):
        server_tls(Files(str(tmp_path / "none.crt"), str(tmp_path / "none.key")), QuicLimits())


def test_an_authority_that_is_none(tmp_path: Path) -> None:
    made = files(tmp_path, MADE.certificate, MADE.key)
    made.trusted_ca_file = made.key_file
    with pytest.raises(ConfigError, match="failed to parse CA certificate from file"):
        server_tls(made, QuicLimits())


def test_an_encrypted_key_is_refused_and_nobody_is_asked(tmp_path: Path) -> None:
    key = serialization.load_pem_private_key(MADE.key, None)
    encryption = serialization.BestAvailableEncryption(b"secret")
    pem = serialization.Encoding.PEM
    encrypted = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption)
    with pytest.raises(ConfigError, match="both must be PEM and belong together"):
        identity_context(files(tmp_path, MADE.certificate, encrypted))
