"""TLS contexts that follow their files: a renewed certificate serves new connections without a restart.

Connections that exist keep what they began with. Files that cannot be used, such as a certificate whose key is not
written yet, leave the context of before in place.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Generic, TypeAlias, TypeVar

from aiofrp import logs
from aiofrp.errors import ConfigError
from aiofrp.stream.tls.stream import TlsContext
from aiofrp.transport.tls.contexts import TlsFiles, client_context, server_context

#: Seconds between two checks of frps' files; a check is three system calls.
SERVER_CHECKS_EVERY = 2.0

#: What is made of the files: a context, or what another TLS wants in its place.
Made = TypeVar("Made")

_Stamp: TypeAlias = tuple[tuple[int, int, int] | None, ...]

_log = logs.get(__name__)


class FreshTls(Generic[Made]):
    """The context made of some files as they are now.

    ``check_every``: seconds between two checks of the files. The files are read at once and may raise
    :class:`~aiofrp.errors.ConfigError`, or ``later``, at the first handshake.
    """

    __slots__ = ("_check_every", "_clock", "_context", "_files", "_make", "_next_check", "_stamp")

    def __init__(
        self,
        files: TlsFiles,
        make: Callable[[TlsFiles], Made],
        check_every: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        later: bool = False,
    ) -> None:
        self._files = files
        self._make = make
        self._check_every = check_every
        self._clock = clock
        self._next_check = clock() + check_every
        self._stamp = _stamp(files)
        self._context: Made | None = None if later else make(files)

    def context(self) -> Made:
        """The context for the next handshake. Raises :class:`~aiofrp.errors.ConfigError` while there never was one."""
        if self._context is None:
            self._stamp = _stamp(self._files)
            self._context = self._make(self._files)
        now = self._clock()
        if now >= self._next_check:
            self._next_check = now + self._check_every
            stamp = _stamp(self._files)
            if stamp != self._stamp:
                self._stamp = stamp
                self._renew()
        return self._context

    def _renew(self) -> None:
        try:
            self._context = self._make(self._files)
        except ConfigError as exc:
            _log.warning("changed TLS files are not used: %s", exc)
        else:
            _log.info("TLS files were read again")


def server_tls(files: TlsFiles) -> FreshTls[TlsContext]:
    """What frps ends TLS with; see :func:`~aiofrp.transport.tls.contexts.server_context`.

    What needs no files is made when it is first asked for: that takes its time, and cannot fail for a wrong file."""
    named = files.cert_file or files.key_file or files.trusted_ca_file
    return FreshTls(files, server_context, SERVER_CHECKS_EVERY, later=not named)


def client_tls(files: TlsFiles) -> FreshTls[TlsContext]:
    """What frpc dials with, checked at every dial; see :func:`~aiofrp.transport.tls.contexts.client_context`.

    Files that are not there yet fail the login and not the start: they may come before the next one.
    """
    return FreshTls(files, client_context, 0.0, later=True)


def _stamp(files: TlsFiles) -> _Stamp:
    return tuple(_stamp_of(name) for name in (files.cert_file, files.key_file, files.trusted_ca_file) if name)


def _stamp_of(name: str) -> tuple[int, int, int] | None:
    try:
        stat = os.stat(name)
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
