"""Files of keys: the host keys of frps, and the keys of users that may log in."""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from aiofrp import logs
from aiofrp.config.models.server import SshTunnelGateway
from aiofrp.errors import ConfigError

#: What is added to ``autoGenPrivateKeyPath`` for the second host key.
SECOND_KEY: Final = "_ed25519"
#: Bytes of the largest file of keys that is read.
MAX_FILE: Final = 4 * 1024 * 1024
_RSA_BITS: Final = 2048

#: The kinds of keys a line may begin with, perhaps behind its options.
_KEY = re.compile(
    r"(?:^|\s)((?:ssh-|ecdsa-sha2-|sk-ssh-|sk-ecdsa-sha2-)[\w@.-]+)\s+([A-Za-z0-9+/]+={0,2})(?:\s+(.*))?$"
)
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')

_log = logs.get(__name__)


def host_keys(config: SshTunnelGateway) -> list[tuple[str, bytes]]:
    """The files of the host keys with their contents; the preferred one is first. Missing ones are made, unless
    ``privateKeyFile`` names one. Raises :class:`~aiofrp.errors.ConfigError`."""
    if config.private_key_file:
        return [(config.private_key_file, _read(config.private_key_file))]
    path = config.auto_gen_private_key_path
    keys = [(path, _read_or_make(path, _new_rsa))]
    try:
        second = f"{path}{SECOND_KEY}"
        keys.insert(0, (second, _read_or_make(second, _new_ed25519)))
    except ConfigError as exc:
        _log.warning("%s: SSH clients get the RSA host key only", exc)
    return keys


def _read_or_make(path: str, make: Callable[[], bytes]) -> bytes:
    """The contents of a key file; one that is missing or empty is written first, readable by its owner alone."""
    try:
        if content := Path(path).read_bytes():
            return content
    except FileNotFoundError:
        pass
    except OSError as exc:
        raise ConfigError(f"read SSH host key {path}: {(exc.strerror or str(exc)).lower()}") from exc
    content = make()
    try:
        _write(path, content)
    except OSError as exc:
        raise ConfigError(f"write SSH host key {path}: {(exc.strerror or str(exc)).lower()}") from exc
    _log.info("made an SSH host key: %s", path)
    return content


def _write(path: str, content: bytes) -> None:
    """Write the whole file under another name first: nobody reads a part of a key."""
    fresh = f"{path}.{os.getpid()}.new"
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        os.write(file, content)
    finally:
        os.close(file)
    os.replace(fresh, path)


def _new_rsa() -> bytes:
    """A new RSA key in the form in which the reference writes it."""
    key = generate_private_key(65537, _RSA_BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def _new_ed25519() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_FILE + 1)
    except OSError as exc:
        raise ConfigError(f"read {path}: {(exc.strerror or str(exc)).lower()}") from exc
    if len(content) > MAX_FILE:
        raise ConfigError(f"read {path}: it has more than {MAX_FILE} bytes")
    return content


@dataclass(slots=True)
class AuthorizedKeys:
    """The keys that may log in, each with its user. The file is read again whenever it has changed."""

    path: str
    _state: tuple[int, int, int] | None = None  # inode, size, time of the last change
    _users: dict[bytes, str] = field(default_factory=dict)  # by public key; limited by MAX_FILE

    def user_of(self, key: bytes) -> str | None:
        """The user of a public key in SSH's format, maybe empty; ``None`` for a key that may not log in.

        Raises :class:`~aiofrp.errors.ConfigError` when the file cannot be read.
        """
        try:
            found = os.stat(self.path)
        except OSError as exc:
            raise ConfigError(f"read {self.path}: {(exc.strerror or str(exc)).lower()}") from exc
        state = found.st_ino, found.st_size, found.st_mtime_ns
        if state != self._state:
            self._users = read_keys(_read(self.path).decode("utf-8", "replace"))
            self._state = state
        return self._users.get(key)


def read_keys(text: str) -> dict[bytes, str]:
    """The keys of an ``authorized_keys`` file, in SSH's format, each with its comment. Lines that hold no key, and
    keys of certificate authorities, count for nothing."""
    users = {}
    for line in text.splitlines():
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        plain = _QUOTED.sub(
            lambda quoted: "_" * len(quoted[0]), line
        )  # options may hold blanks and key names
        found = _KEY.search(plain)
        if found is None or "cert-authority" in plain[: found.start(1)].strip().split(","):
            continue
        try:
            key = base64.b64decode(found[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        users[key] = (line[found.start(3) :] if found[3] else "").strip()
    return users
