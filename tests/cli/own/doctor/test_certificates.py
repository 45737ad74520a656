"""Checks of certificates: files, dates, names, and what a server shows."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from cryptography import x509

from aiofrp.cli.own.doctor import certificates
from aiofrp.cli.own.doctor.client import ClientChecks
from aiofrp.cli.own.doctor.report import Outcome, Report, settled
from aiofrp.client.dialing import dial_options
from aiofrp.config.models.shared import TlsConfig
from tests.support.certs import Authority, authority
from tests.support.tunnel import client_config, running_server, server_config


@pytest.fixture
def files(tmp_path: Path) -> Authority:
    made = authority("doctor")
    (tmp_path / "crt").write_bytes(made.certificate)
    (tmp_path / "key").write_bytes(made.key)
    (tmp_path / "ca").write_bytes(made.ca)
    return made


def test_dates(files: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(files.certificate)
    day = datetime.timedelta(days=1)
    first, last = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    for at, outcome, text in (
        (first + (last - first) / 100, None, "for frp.test, 127.0.0.1, signed by CN=CA doctor, valid until "),
        (last - day, Outcome.WARNING, "that is in 1 days"),
        (last + 3 * day, Outcome.PROBLEM, "it expired 3 days ago"),
        (first - day, Outcome.PROBLEM, "it is valid from "),
    ):
        found = certificates.judged(certificate, "it", at)
        assert text in found.text
        assert outcome in (None, found.outcome)


def test_files(files: Authority, tmp_path: Path) -> None:
    folder = str(tmp_path)
    good = TlsConfig(cert_file=f"{folder}/crt", key_file=f"{folder}/key", trusted_ca_file=f"{folder}/ca")
    found = certificates.file_findings(good, "transport.tls", server_side=True)
    assert len(found) == 2
    assert not [item for item in found if item.outcome is Outcome.PROBLEM]
    for bad, text in (
        (TlsConfig(cert_file=f"{folder}/crt"), "only together"),
        (TlsConfig(cert_file=f"{folder}/none", key_file=f"{folder}/key"), "no such file"),
        (TlsConfig(cert_file=f"{folder}/crt", key_file=f"{folder}/ca"), "both must be PEM"),
        (TlsConfig(trusted_ca_file=f"{folder}/key"), "no valid PEM"),
    ):
        (finding,) = certificates.file_findings(bad, "transport.tls", server_side=True)
        assert text in finding.text


async def test_the_certificate_of_a_server(files: Authority, tmp_path: Path, free_port: int) -> None:
    tls = f'transport.tls.certFile = "{tmp_path}/crt"\ntransport.tls.keyFile = "{tmp_path}/key"\n'
    async with running_server(server_config(tls, port=free_port)):
        for protocol in ("tcp", "websocket", "wss"):
            lines = f'transport.protocol = "{protocol}"\n'
            config = client_config(free_port, lines)
            options = dial_options(config)
            found = await certificates.server_finding(options, protocol, config.transport.tls)
            assert found.outcome is Outcome.OK
            assert "not verified (for frp.test, 127.0.0.1, signed by CN=CA doctor" in found.text
            trusting = f'{lines}transport.tls.trustedCaFile = "{tmp_path}/ca"\n'
            config = client_config(free_port, f'{trusting}transport.tls.serverName = "frp.test"\n')
            found = await certificates.server_finding(dial_options(config), protocol, config.transport.tls)
            assert found.outcome is not Outcome.PROBLEM
            config = client_config(free_port, f'{trusting}transport.tls.serverName = "other.test"\n')
            checks = ClientChecks(config, Report(lambda _: None), try_proxies=False)
            work = certificates.server_finding(dial_options(config), protocol, config.transport.tls)
            found = await settled(work, "", checks._explain)
            assert found.outcome is Outcome.PROBLEM
            assert "the certificate is for frp.test, 127.0.0.1, signed by CN=CA doctor" in found.text
            assert (
                "the certificate of the server is not for other.test, but for frp.test, 127.0.0.1"
                in found.fix
            )
            assert "Set transport.tls.serverName to a name" in found.fix
