"""The clients a frps knows, online and offline
(docs/protocol/server.md §10). Values and an injected clock only."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

from msgspec import Struct

from aiofrp.errors import AuthError
from aiofrp.logs import short_id
from aiofrp.wire.frp.messages import Login

#: Offline clients remembered; the one that left first is forgotten first. The reference has no limit, only memory.
OFFLINE_LIMIT = 10_000


Shown = Callable[[str], str]
"""Gives a run id as it is shown: whole (:class:`str`) or shortened (:func:`~aiofrp.logs.short_id`)."""


class ClientRecord(Struct):
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
        """Whether it has a session."""
        return bool(self.run_id)

    @property
    def id(self) -> str:
        """Its client id; the run id when it has none."""
        return self.client_id or self.run_id

    def shown_key(self, shown: Shown) -> str:
        """:attr:`key` with the run id, where it is part of it, as ``shown`` makes it."""
        return self.key if self.client_id else client_key(self.user, shown(self.run_id))


_Key = tuple[str, str, str]
"""User, client id, and the run id where there is no client id: clients of different users never have one key, whatever
names they choose."""


class Clients:
    """The clients of one frps: those online, and of those offline the last :data:`OFFLINE_LIMIT` with a client id.

    Order of calls for a login: :meth:`check_run_id`, :meth:`entered`, at the end of the session :meth:`left`.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._records: dict[_Key, ClientRecord] = {}  # one per session, and the offline ones
        self._offline: dict[_Key, None] = {}  # the longest offline first; limited by OFFLINE_LIMIT
        self._named: Counter[str] = Counter()  # how many records with a client id have this key
        self.changed: Callable[[ClientRecord, bool], None] = lambda record, online: None
        """Called with whether a client is online when it has come, or before it leaves."""

    def check_run_id(self, login: Login) -> None:
        """Raise :class:`~aiofrp.errors.AuthError` for a login whose run id is the key of another client, which the API
        would mix up."""
        if not login.run_id:
            return
        own = client_key(login.user, login.client_id) if login.client_id else ""
        for key in (login.run_id, client_key(login.user, login.run_id)):
            if key != own and key in self._named:
                raise AuthError(f"run id [{short_id(login.run_id)}] is the name of another client")

    def entered(self, login: Login, run_id: str, protocol: str, address: str) -> None:
        """A client has logged in. ``protocol``: ``v1`` or ``v2``; ``address``: its IP address."""
        key = _key(login, run_id)
        known = self._records.get(key)
        now = self._clock()
        self._offline.pop(key, None)
        record = self._records[key] = ClientRecord(
            key=client_key(login.user, login.client_id or run_id),
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
        if known is None and record.client_id:
            self._named[record.key] += 1
        self.changed(record, True)

    def left(self, login: Login, run_id: str) -> None:
        """The session ``run_id`` of ``login`` has ended; only a client with a client id is remembered. Nothing happens
        when a newer session of the client has begun."""
        key = _key(login, run_id)
        record = self._records.get(key)
        if record is None or record.run_id != run_id:
            return
        self.changed(record, False)
        if not record.client_id:
            del self._records[key]
            return
        record.run_id, record.disconnected = "", self._clock()
        self._offline[key] = None
        if len(self._offline) > OFFLINE_LIMIT:
            self._forget(next(iter(self._offline)))

    def all(self) -> list[ClientRecord]:
        """Every record, by user, id and key."""
        return sorted(self._records.values(), key=lambda record: (record.user, record.id, record.key))

    def find(self, key: str, shown: Shown = str) -> ClientRecord | None:
        """The record whose :meth:`~ClientRecord.shown_key` is ``key``; ``None`` when there is none.

        Of several it is one with a client id, and of these one online.
        """
        found = [record for record in self._records.values() if record.shown_key(shown) == key]
        return max(found, key=lambda record: (bool(record.client_id), record.online), default=None)

    def _forget(self, key: _Key) -> None:
        del self._offline[key]
        record = self._records.pop(key)
        self._named[record.key] -= 1
        if not self._named[record.key]:
            del self._named[record.key]


def _key(login: Login, run_id: str) -> _Key:
    return login.user, login.client_id, "" if login.client_id else run_id


def client_key(user: str, client_id: str) -> str:
    """``user.id``, or whichever is not empty."""
    return ".".join(part for part in (user, client_id) if part)
