"""Logical connections of clients: a login begins a session, a work or a visitor connection finds its own
(docs/protocol/server.md §2)."""

from __future__ import annotations

import secrets

from aiofrp import logs
from aiofrp.errors import FrpError, ProxyError
from aiofrp.host.relay import layered
from aiofrp.host.route import Origin
from aiofrp.logs import Log, short_id
from aiofrp.server.explain import login_refused
from aiofrp.server.hooks import Op, guarded
from aiofrp.server.publish.proxies import Proxies
from aiofrp.server.session.admission import LIFETIME, Arrival
from aiofrp.server.session.auth import SessionVerifier
from aiofrp.server.session.control import ServerControl
from aiofrp.server.session.sessions import ControlSession, no_session
from aiofrp.server.session.workpool import refusal
from aiofrp.server.tables import Tables
from aiofrp.stream.transform import TransformStream
from aiofrp.version import FRP_VERSION
from aiofrp.wire.addresses import address_text
from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.frp.messages import Login, LoginResp, NewVisitorConn, NewVisitorConnResp, NewWorkConn

_log = logs.get(__name__)
#: For lines that anyone who connects can cause.
_refused = _log.limited(logs.ANYONE)

#: Characters of each text of a login in the log.
_MOST_SHOWN = 64


class Arrivals:
    """Grants or refuses what each logical connection asks for with its first message.

    A login becomes a task, the others are answered in the same call.
    """

    def __init__(self, tables: Tables, published: Proxies) -> None:
        self._tables = tables
        self._published = published

    def opened(self, arrival: Arrival) -> None:
        """Serve a logical connection by its first message; whoever accepts connections calls this once for each."""
        match arrival.message:
            case NewWorkConn() as message:
                self._work_connection(arrival, message)
            case Login() as message:
                self._tables.scope.spawn(self._login(arrival, message), f"login {short_id(message.run_id)}")
            case NewVisitorConn() as message:
                self._visitor_connection(arrival, message)
            case _:
                peer = address_text(arrival.stream.info("peername"))
                _refused.warning("error message type for the new connection [%s]", peer)
                arrival.refuse()

    async def _login(self, arrival: Arrival, login: Login) -> None:
        codec, stream = arrival.codec, arrival.stream
        run_id = login.run_id
        try:
            layer = codec.control_layer(self._tables.config.auth.token.reveal(), server=True)
            _check_numbers(login)
            login, verifier = await self._verified(login, arrival)
        except FrpError as exc:
            _log_login(_refused, run_id, arrival, login)
            self._refuse_login(arrival, login, exc)
            return
        run_id = login.run_id or secrets.token_hex(8)  # hooks may have changed it
        _log_login(_log, run_id, arrival, login)
        try:
            self._tables.clients.check_run_id(login)
            control = ServerControl(
                self._tables, self._published, login, run_id, codec, arrival.carrier, verifier
            )
            await control.enter()
        except FrpError as exc:
            self._refuse_login(arrival, login, exc)
            return
        try:
            arrival.grant()
            control.start(TransformStream(stream, [layer]), stream)
        except BaseException:
            await control.close()
            raise

    async def _verified(self, login: Login, arrival: Arrival) -> tuple[Login, SessionVerifier]:
        """The login to use, which hooks may have changed, and what verifies later messages; its credential holds.
        Raises :class:`~aiofrp.errors.FrpError`."""
        tables = self._tables
        if Op.LOGIN in tables.hooks.asked:
            login = await guarded(
                tables.hooks.login(login, address_text(arrival.stream.info("peername"))), LIFETIME
            )
            _check_numbers(login)
        if arrival.vouched is not None:
            return login, arrival.vouched
        return login, await guarded(tables.verifier.login(login), LIFETIME)

    def _refuse_login(self, arrival: Arrival, login: Login, exc: FrpError) -> None:
        address = address_text(arrival.stream.info("peername"))
        text = login_refused(exc, login, address, self._tables.config)
        _refused.warning("register control error: %s", text)
        error = self._tables.explain(exc, "register control error")
        arrival.refuse(arrival.codec.encode(LoginResp(version=FRP_VERSION, error=error)))

    def _work_connection(self, arrival: Arrival, message: NewWorkConn) -> None:
        try:
            control = self._session_of(message.run_id, arrival)
        except ProxyError as exc:
            _refused.warning("%s", exc)
            arrival.refuse(refusal(arrival.codec, self._tables.explain(exc, "invalid NewWorkConn")))
            return
        control.add_work_connection(arrival, message)

    def _visitor_connection(self, arrival: Arrival, message: NewVisitorConn) -> None:
        name, codec = message.proxy_name, arrival.codec
        try:
            door = self._tables.doors.find(message, self._user_of(message.run_id, arrival))
        except FrpError as exc:
            _refused.warning("register visitor conn error: %s", exc)
            error = self._tables.explain(exc, "register visitor conn error")
            arrival.refuse(codec.encode(NewVisitorConnResp(proxy_name=name, error=error)))
            return
        arrival.grant()
        longest = door.longest_of(message.max_message)
        arrival.stream.write(codec.encode(NewVisitorConnResp(proxy_name=name, max_message=longest)))
        stream = layered(arrival.stream, message, derive_key(door.secret_key))
        door.route.accept(stream, info=Origin(codec, longest))

    def _user_of(self, run_id: str, arrival: Arrival) -> str:
        """The user of a client; an empty run id belongs to no client. Raises :class:`~aiofrp.errors.ProxyError`."""
        return self._session_of(run_id, arrival).user if run_id else ""

    def _session_of(self, run_id: str, arrival: Arrival) -> ControlSession:
        """The session ``arrival`` belongs to. Raises :class:`~aiofrp.errors.ProxyError`.

        A carrier that is shared proves whose connection it is: the one that the login came over. Over any other a run
        id is worth nothing, and the answer does not show whether it exists.
        """
        control = self._tables.sessions.find(run_id)
        if control.carrier is not arrival.carrier:
            control.message_log.warning(
                "a connection from [%s] with the run id of this client is refused: it does not come over the "
                "connection of its login",
                address_text(arrival.stream.info("peername")),
            )
            raise no_session(run_id)
        return control


def _log_login(log: Log, run_id: str, arrival: Arrival, login: Login) -> None:
    log.bind(short_id(run_id)).info(
        "client login info: ip [%s] version [%s] hostname [%s] os [%s] arch [%s]",
        address_text(arrival.stream.info("peername")),
        *(text[:_MOST_SHOWN] for text in (login.version, login.hostname, login.os, login.arch)),
    )


def _check_numbers(login: Login) -> None:
    """Refuse a pool count out of range. Raises :class:`~aiofrp.errors.ProxyError`."""
    if not 0 <= login.pool_count <= 1_000_000:
        raise ProxyError(f"pool_count {login.pool_count} is out of range 0..1000000")
