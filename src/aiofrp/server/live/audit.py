"""Who did what by the API of frps: the last operations in memory and, where a file is configured, all in it."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Final

from aiofrp import logs
from aiofrp.wire.jsontext import json_text

#: Operations that are kept in memory, and characters of each of their texts.
MOST_KEPT: Final = 1000
MOST_TEXT: Final = 1000

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that an operator did."""

    at: float  #: seconds since 1970
    by: str  #: user and address
    action: str  #: such as ``kick``
    target: str  #: the client, proxy or connection
    detail: str  #: such as a reason; may be empty
    result: str  #: ``ok``, or the error


class AuditLog:
    """The operations of one frps."""

    def __init__(self, path: str = "", clock: Callable[[], float] = time.time) -> None:
        """``path``: a file that gets a line of JSON for each operation; empty for none."""
        self._path = path
        self._clock = clock
        self._kept: deque[Operation] = deque(maxlen=MOST_KEPT)
        self._failed = False  # the last line could not be written
        self._writing = asyncio.Lock()  # lines keep their order

    def newest(self) -> list[Operation]:
        """The operations that are kept, the newest first."""
        return list(reversed(self._kept))

    async def add(self, by: str, action: str, target: str, detail: str, result: str) -> None:
        """Keep an operation, and write it to the file. A file that cannot be written is one line of the log and no
        error."""
        texts = (text[:MOST_TEXT] for text in (by, action, target, detail, result))
        operation = Operation(self._clock(), *texts)
        self._kept.append(operation)
        _log.info(
            "%s %s [%s] %s: %s", operation.by, action, operation.target, operation.detail, operation.result
        )
        if not self._path:
            return
        async with self._writing:
            try:
                await asyncio.to_thread(_append, self._path, json_text(asdict(operation)) + b"\n")
                self._failed = False
            except OSError as error:
                if not self._failed:
                    _log.error("cannot write the audit file %s: %s", self._path, error.strerror or error)
                self._failed = True


def _append(path: str, line: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        if os.write(file, line) < len(line):
            raise OSError(0, "the disk is full")
    finally:
        os.close(file)
