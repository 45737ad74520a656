"""The clients a frps knows, online and offline (spec: server §10). Values and an injected clock only."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiofrp.wire.messages import Login

#: Offline clients remembered; the one that left first is forgotten first. The reference has no limit, only memory.
OFFLINE_LIMIT = 10_000


@dataclass(slots=True)
class ClientRecord:
    """One client; times are seconds since 1970, 0 for never."""

    key: str  #: ``user.id``
    user: str
    client_id: str  #: as configured, may be empty
    run_id: str  #: empty while offline
    version: str
    protocol: str  #: of the wire, ``v1`` or ``v2``
    hostname: str
    address: str  #: IP address
    first_connected: float
    last_connected: float
    disconnected: float = 0.0

    @property
    def online(self) -> bool:
        return bool(self.run_id)

    @property
    def id(self) -> str:
        """What it is known by: its client id, or its run id."""
        return self.client_id or self.run_id


class Clients:
    """The registry of one frps, by ``user.id``."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._records: dict[str, ClientRecord] = {}  # one per session, and the offline ones
        self._offline: dict[str, None] = {}  # keys, the longest offline first; limited by OFFLINE_LIMIT

    def entered(self, login: Login, run_id: str, protocol: str, address: str) -> None:
        """A client has logged in."""
        key = client_key(login.user, login.client_id or run_id)
        known = self._records.get(key)
        now = self._clock()
        self._offline.pop(key, None)
        self._records[key] = ClientRecord(
            key=key,
            user=login.user,
            client_id=login.client_id,
            run_id=run_id,
            version=login.version,
            protocol=protocol,
            hostname=login.hostname,
            address=address,
            first_connected=known.first_connected if known else now,
            last_connected=now,
        )

    def left(self, login: Login, run_id: str) -> None:
        """Its session has ended; only a client with an id of its own is remembered."""
        key = client_key(login.user, login.client_id or run_id)
        record = self._records.get(key)
        if record is None or record.run_id != run_id:
            return
        if not record.client_id:
            del self._records[key]
            return
        record.run_id, record.disconnected = "", self._clock()
        self._offline[key] = None
        if len(self._offline) > OFFLINE_LIMIT:
            oldest = next(iter(self._offline))
            del self._offline[oldest], self._records[oldest]

    def all(self) -> list[ClientRecord]:
        """Every record, by user, id and key."""
        return sorted(self._records.values(), key=lambda record: (record.user, record.id, record.key))

    def find(self, key: str) -> ClientRecord | None:
        """The record of a key."""
        return self._records.get(key)


def client_key(user: str, client_id: str) -> str:
    """``user.id``, or whichever is not empty."""
    return ".".join(part for part in (user, client_id) if part)
