"""TLS contexts follow their files, look seldom, and survive files that cannot be used."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from aiofrp.errors import ConfigError
from aiofrp.stream.tls.stream import TlsContext
from aiofrp.transport.tls.contexts import server_context
from aiofrp.transport.tls.fresh import FreshTls, client_tls, server_tls
from tests.support.certs import authority


@dataclass
class Files:
    """The settings of ``transport.tls``, and the files themselves."""

    cert_file: str
    key_file: str
    trusted_ca_file: str

    def write(self, name: str) -> None:
        """Put the certificate and CA of another authority in their place."""
        self.write_cert(name)
        Path(self.key_file).write_bytes(authority(name).key)
        Path(self.trusted_ca_file).write_bytes(authority(name).ca)

    def write_cert(self, name: str) -> None:
        Path(self.cert_file).write_bytes(authority(name).certificate)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    made = Files(*(str(tmp_path / name) for name in ("tls.crt", "tls.key", "ca.crt")))
    made.write("one")
    return made


@pytest.mark.parametrize("make", [server_tls, client_tls])
def test_files_that_do_not_change_are_read_once(
    make: Callable[[Files], FreshTls[TlsContext]], files: Files
) -> None:
    tls = make(files)
    assert tls.context() is tls.context()


def test_a_client_sees_a_change_at_its_next_dial(files: Files) -> None:
    tls = client_tls(files)
    before = tls.context()
    files.write("another")
    after = tls.context()
    assert after is not before
    assert tls.context() is after


def test_a_server_looks_again_after_a_while(files: Files) -> None:
    now = 100.0
    tls = FreshTls(files, server_context, 2.0, lambda: now)
    before = tls.context()
    files.write("another")
    now = 101.9
    assert tls.context() is before
    now = 102.0
    after = tls.context()
    assert after is not before
    assert tls.context() is after


def test_a_change_of_the_same_size_in_the_same_moment(files: Files) -> None:
    """A file that is replaced, as renewal programs do, is another file."""
    tls = client_tls(files)
    before = tls.context()
    stat = os.stat(files.trusted_ca_file)
    Path(files.trusted_ca_file + ".new").write_bytes(authority("two").ca.ljust(stat.st_size, b"\n"))
    os.utime(files.trusted_ca_file + ".new", ns=(stat.st_atime_ns, stat.st_mtime_ns))
    os.replace(files.trusted_ca_file + ".new", files.trusted_ca_file)
    assert tls.context() is not before


def test_files_that_cannot_be_used_leave_the_old_ones_in_place(
    files: Files, caplog: pytest.LogCaptureFixture
) -> None:
    """A certificate whose key comes later, and a file that is away for a moment."""
    tls = client_tls(files)
    before = tls.context()
    files.write_cert("another")
    with caplog.at_level(logging.WARNING):
        assert tls.context() is before
        assert tls.context() is before
        assert len(caplog.records) == 1
        assert "changed TLS files are not used" in caplog.text
        Path(files.key_file).unlink()
        assert tls.context() is before
        assert len(caplog.records) == 2
    files.write("another")
    assert tls.context() is not before


def test_a_servers_files_must_be_there_at_first(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        server_tls(Files("", "", str(tmp_path / "none")))


def test_a_clients_files_may_come_later(files: Files) -> None:
    moved = Path(files.key_file).rename(f"{files.key_file}.moved")
    tls = client_tls(files)
    for _ in range(2):
        with pytest.raises(ConfigError, match="no such file"):
            tls.context()
    moved.rename(files.key_file)
    assert tls.context() is tls.context()


def test_without_files_there_is_nothing_to_look_at() -> None:
    tls = server_tls(Files("", "", ""))
    assert tls.context() is tls.context()
