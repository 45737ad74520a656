"""Host keys are made once and kept; authorized keys are read as they are written."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

from aiofrp.config.models.server import SshTunnelGateway
from aiofrp.errors import ConfigError
from aiofrp.server.ssh.keys import AuthorizedKeys, host_keys, read_keys

A, B, C = (base64.b64encode(name * 40).decode() for name in (b"a", b"b", b"c"))


def config(path: Path, own: str = "") -> SshTunnelGateway:
    return SshTunnelGateway(auto_gen_private_key_path=str(path), private_key_file=own)


def test_host_keys_are_made_once(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"")  # an empty file counts for none
    first = host_keys(config(path))
    assert [name for name, _ in first] == [f"{path}_ed25519", str(path)]
    assert isinstance(load_pem_private_key(first[1][1], None), RSAPrivateKey)
    assert first[1][1].startswith(b"-----BEGIN RSA PRIVATE KEY-----")  # as the reference reads and writes it
    load_ssh_private_key(first[0][1], None)
    assert {os.stat(name).st_mode & 0o777 for name, _ in first} == {0o600}
    assert host_keys(config(path)) == first
    assert sorted(file.name for file in tmp_path.iterdir()) == ["key", "key_ed25519"]


def test_a_named_host_key_is_the_only_one(tmp_path: Path) -> None:
    path = tmp_path / "own"
    path.write_bytes(b"content")
    assert host_keys(config(tmp_path / "auto", str(path))) == [(str(path), b"content")]
    assert not (tmp_path / "auto").exists()
    with pytest.raises(ConfigError, match="no such file"):
        host_keys(config(tmp_path / "auto", str(tmp_path / "none")))


def test_a_folder_without_rights_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"write SSH host key .*/none/key: no such file or directory"):
        host_keys(config(tmp_path / "none" / "key"))


def test_authorized_keys_as_they_are_written() -> None:
    text = f"""# comment
ssh-ed25519 {A} bob
\t
from="10.0.0.1, ssh-rsa {C} x",no-pty ssh-rsa {B}   alice and more \r
cert-authority ssh-ed25519 {C} authority
no-pty,cert-authority,x="1" ssh-ed25519 {C} authority
ssh-rsa !!!! bad
ssh-rsa
nonsense
ecdsa-sha2-nistp256 {C[:-1]} short
"""
    assert read_keys(text) == {b"a" * 40: "bob", b"b" * 40: "alice and more"}


def test_the_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "authorized_keys"
    keys = AuthorizedKeys(str(path))
    with pytest.raises(ConfigError, match="no such file"):
        keys.user_of(b"a" * 40)
    path.write_text(f"ssh-ed25519 {A}\n")
    assert keys.user_of(b"a" * 40) == ""
    assert keys.user_of(b"b" * 40) is None
    path.write_text(f"ssh-ed25519 {B} bob\n")
    assert keys.user_of(b"a" * 40) is None
    assert keys.user_of(b"b" * 40) == "bob"
