"""The file in which the traffic figures of a frps survive a restart: SQLite, rewritten once a minute.

A file that cannot be read or written is one line of the log; the figures are in memory all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from aiofrp import logs
from aiofrp.server.live.history import DAYS, STEPS, Amounts

#: Proxies that are kept at most; those of the last traffic.
MOST_PROXIES: Final = 20_000
#: Seconds to wait for another process that uses the file.
_BUSY: Final = 1.0
_STEPS: Final = "(step INTEGER PRIMARY KEY, traffic_in INT, traffic_out INT, connections INT, opened INT)"
_TABLES: Final = (
    f"CREATE TABLE IF NOT EXISTS hour {_STEPS}",
    f"CREATE TABLE IF NOT EXISTS week {_STEPS}",
    "CREATE TABLE IF NOT EXISTS proxies (name TEXT PRIMARY KEY, type TEXT, user TEXT, client_id TEXT,"
    " last_start REAL, last_close REAL, day INT, traffic_in TEXT, traffic_out TEXT)",
)

_log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class SavedProxy:
    """The figures of one proxy."""

    name: str
    kind: str
    user: str
    client_id: str
    last_start: float  #: seconds since 1970, 0 for never; as the next
    last_close: float
    day: int  #: the ordinal of the date that the sums begin with
    traffic_in: list[int]  #: bytes of days, the present day first; as the next
    traffic_out: list[int]


@dataclass(frozen=True, slots=True)
class Saved:
    """What is in the file."""

    hour: list[tuple[int, Amounts]] = field(default_factory=list)
    week: list[tuple[int, Amounts]] = field(default_factory=list)
    proxies: list[SavedProxy] = field(default_factory=list)  #: that of the name "" has the sums of all


class HistoryFile:
    """One file. Its methods wait for the disk: call them in a thread, one after the other."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._failed = False  # the last attempt has failed

    def load(self) -> Saved:
        """What was saved last; nothing where there is no such file, or one that cannot be read."""
        return self._attempt("read", self._load) or Saved()

    def save(self, saved: Saved) -> bool:
        """Replace the content. Returns whether that was possible; the file has its old content where not."""
        return self._attempt("write", lambda: self._save(saved)) is not None

    def _attempt(self, verb: str, work: Callable[[], Any]) -> Any:
        """What ``work`` returns; ``None`` after an error, which is logged once until it works again."""
        try:
            done = work()
        except (OSError, sqlite3.Error, ValueError, TypeError) as error:
            if not self._failed:
                _log.error("cannot %s the history file %s: %s", verb, self._path, error)
            self._failed = True
            return None
        self._failed = False
        return done

    def _load(self) -> Saved:
        columns = "name, type, user, client_id, last_start, last_close, day, traffic_in, traffic_out"
        with self._open() as file:  # all rows at once: a cursor that has some left would keep the file open
            hour = file.execute("SELECT * FROM hour ORDER BY step DESC LIMIT ?", (STEPS,)).fetchall()
            week = file.execute("SELECT * FROM week ORDER BY step DESC LIMIT ?", (DAYS,)).fetchall()
            proxies = file.execute(f"SELECT {columns} FROM proxies LIMIT ?", (MOST_PROXIES,)).fetchall()
        return Saved(list(_steps(hour)), list(_steps(week)), [_proxy(row) for row in proxies])

    def _save(self, saved: Saved) -> bool:
        rows = [
            (
                *(proxy.name, proxy.kind, proxy.user, proxy.client_id, proxy.last_start, proxy.last_close),
                *(proxy.day, json.dumps(proxy.traffic_in), json.dumps(proxy.traffic_out)),
            )
            for proxy in saved.proxies[:MOST_PROXIES]
        ]
        with self._open() as file, file:  # the inner one is the transaction
            for table, steps in (("hour", saved.hour), ("week", saved.week)):
                file.execute(f"DELETE FROM {table}")
                file.executemany(
                    f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?)", ((step, *item) for step, item in steps)
                )
            file.execute("DELETE FROM proxies")
            file.executemany("INSERT INTO proxies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        return True

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600))  # SQLite would use the umask
        file = sqlite3.connect(self._path, timeout=_BUSY)
        try:
            for table in _TABLES:
                file.execute(table)
            yield file
        finally:
            file.close()


def _steps(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, Amounts]]:
    for row in rows:
        step, *amounts = (_whole(value) for value in row)
        yield step, Amounts(*amounts)


def _proxy(row: tuple[Any, ...]) -> SavedProxy:
    name, kind, user, client_id, last_start, last_close, day, traffic_in, traffic_out = row
    times = float(last_start), float(last_close)
    return SavedProxy(
        str(name),
        str(kind),
        str(user),
        str(client_id),
        *times,
        _whole(day),
        _sums(traffic_in),
        _sums(traffic_out),
    )


def _sums(text: str) -> list[int]:
    return [_whole(value) for value in json.loads(text)][:DAYS]


def _whole(value: Any) -> int:
    """``value``, which must be a whole number of a sensible size. Raises :class:`ValueError`."""
    if not isinstance(value, int) or not 0 <= value < 2**62:
        raise ValueError(f"{value!r} is no count")
    return value
