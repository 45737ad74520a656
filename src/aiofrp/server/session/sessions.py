"""Which clients are logged in: control sessions by run id, and the uniqueness of client ids
(docs/protocol/server.md §2.2, §2.3)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Protocol, TypeAlias

from aiofrp.errors import AuthError, ProxyError
from aiofrp.host.lease import Lease
from aiofrp.host.messages import Messages
from aiofrp.logs import Log, short_id
from aiofrp.server.directory import Directory
from aiofrp.server.hooks import ClientInfo
from aiofrp.server.session.admission import Arrival
from aiofrp.server.session.workpool import WorkPool
from aiofrp.wire.frp.codec import Codec
from aiofrp.wire.frp.messages import Login, NewWorkConn


class ControlSession(Protocol):
    """What the other parts of frps may use of a control session."""

    proxies_used: int  #: proxies that count for its limit
    routes_used: int  #: routes that count for its limit

    @property
    def login(self) -> Login:
        """The login it began with."""

    @property
    def run_id(self) -> str:
        """The name of the session, which its client shows with each further connection."""

    @property
    def user(self) -> str:
        """The user of the client, or empty."""

    @property
    def subject(self) -> str:
        """Whose credential its login had; empty for the token."""

    @property
    def client_id(self) -> str:
        """As the client gave it; empty when it gave none."""

    @property
    def running(self) -> bool:
        """Whether its login is answered and it has not begun to close."""

    @property
    def codec(self) -> Codec:
        """The wire protocol of the client."""

    @property
    def key(self) -> bytes:
        """The key of encrypted work connections, 16 bytes."""

    @property
    def carrier(self) -> object | None:
        """The yamux session or QUIC connection the login came over, if it can be shared."""

    @property
    def pool(self) -> WorkPool:
        """The client's work connections that no user has yet."""

    @property
    def log(self) -> Log:
        """A logger with the run id."""

    @property
    def message_log(self) -> Log:
        """The same, limited, for lines that the client's messages cause."""

    @property
    def user_log(self) -> Log:
        """The same, limited, for the line about each user of a proxy."""

    @property
    def messages(self) -> Messages:
        """Its control connection, for who sends or expects messages there."""

    @property
    def info(self) -> ClientInfo:
        """The session, as hooks see it."""

    def add_work_connection(self, arrival: Arrival, message: NewWorkConn) -> None:
        """Verify the credential of a work connection of this session, and grant or refuse it: now or later."""

    async def answers(self) -> bool:
        """Whether the client gives a sign of life, see :class:`~aiofrp.server.session.probe.Probe`."""

    async def replaced_by(self, newer: ControlSession) -> None:
        """A login of the same client takes the place of this session: close it as :meth:`close` does."""

    async def stop_proxies(self) -> None:
        """Accept no more users for any proxy of the client."""

    async def close(self) -> None:
        """End the session: returns when proxies are stopped and names and ports free."""


#: A user and a client id.
_Client: TypeAlias = tuple[str, str]


class Sessions:
    """The live control sessions of one frps; one entry per logged-in client."""

    def __init__(self) -> None:
        self._run_ids = Directory[str, ControlSession](lambda run_id: replaced())
        self._clients = Directory[_Client, ControlSession](_online)  # of those that have a client id
        # The session that each waits for whose claim is under way, until that one is closed.
        self._before: dict[ControlSession, ControlSession] = {}

    def __len__(self) -> int:
        return len(self._run_ids)

    async def claim(self, session: ControlSession) -> Lease:
        """Enter ``session`` until the lease ends; one of the same client with the same run id is replaced and fully
        closed first.

        A session of its client id elsewhere gives way if its client is gone.

        Raises :class:`~aiofrp.errors.AuthError` when its client id is online elsewhere or its run id is another
        client's, and :class:`~aiofrp.errors.ProxyError` when a still newer login replaced this one meanwhile. Nothing
        stays claimed then, nor when the call is cancelled.
        """
        run_id = session.run_id
        online = self._clients.find(_client(session))
        if online is self._run_ids.find(run_id):
            online = None  # the same session, which is replaced
        if online is not None and not await gives_way(online, session):
            raise _online(_client(session))
        old = self._run_ids.find(run_id)
        if old is not None and (_client(old), old.subject) != (_client(session), session.subject):
            raise AuthError(
                f"run id [{short_id(run_id)}] is in use by a client with another user, client id or credential"
            )
        with ExitStack() as claimed:
            if session.client_id:
                lease = await self._clients.claim(_client(session), session, instead_of=old)
                claimed.callback(lease.end)
            lease = await self._run_ids.claim(run_id, session, instead_of=old)
            claimed.callback(lease.end)
            if old is not None:
                await self._close(old, session)
            if self._run_ids.find(run_id) is not session:
                raise replaced()
            return Lease(claimed.pop_all().close)

    async def _close(self, old: ControlSession, session: ControlSession) -> None:
        """Close ``old`` for ``session``, and whatever ``old`` itself still waits for."""
        self._before[session] = old
        try:
            before: ControlSession | None = old
            while before is not None:
                await before.replaced_by(session)
                before = self._before.get(before)
        finally:
            del self._before[session]

    def find(self, run_id: str) -> ControlSession:
        """The running session of ``run_id``; raises :class:`~aiofrp.errors.ProxyError` with the reference's text, in
        which the run id is shortened, as both sides log it."""
        session = self._run_ids.find(run_id)
        if session is None:
            raise no_session(run_id)
        if not session.running:
            raise ProxyError(f"client control for run id [{short_id(run_id)}] is no longer current")
        return session

    def all(self) -> list[ControlSession]:
        """Every session, in order of login."""
        return list(self._run_ids)


async def gives_way(old: ControlSession, newer: ControlSession) -> bool:
    """Whether ``old`` holds nothing any more: it is asked for a sign of life, and closed when none comes.

    ``newer`` wants what it holds. Only a client with the same right can have it: the same user, by the same
    credential.
    """
    same = (old.user, old.subject) == (newer.user, newer.subject)
    if old is newer or not same or await old.answers():
        return False
    old.log.warning("no sign of life, and client [%s] wants what this one holds", short_id(newer.run_id))
    await old.replaced_by(newer)
    return True


def no_session(run_id: str) -> ProxyError:
    """The refusal of a run id that no session has, or none of the client that shows it; the reference's text."""
    return ProxyError(f"no client control found for run id [{short_id(run_id)}]")


def replaced() -> ProxyError:
    """The refusal of a login whose session was closed before it began."""
    return ProxyError("control was replaced during login")


def _client(session: ControlSession) -> _Client:
    return session.user, session.client_id


def _online(client: _Client) -> AuthError:
    user, client_id = client
    return AuthError(f"client_id [{client_id}] for user [{user}] is already online")
