"""The rendezvous of visitors and clients of xtcp proxies: both announce their addresses, and get what to do
(docs/protocol/nat.md §3).

Only the control connections are used: no datagram is sent from here.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

from aiofrp.errors import AuthError, FrpError, ProtocolError, ProxyError, RemoteProtocolError
from aiofrp.host.contexts import HoleOwner
from aiofrp.host.lease import Lease
from aiofrp.host.messages import Messages
from aiofrp.logs import Log
from aiofrp.nat.controller import Announced, Attempt, Controller, Orders, announced
from aiofrp.server.directory import Directory
from aiofrp.server.publish.shares import Shares
from aiofrp.wire.addresses import source_of
from aiofrp.wire.frp.auth import matches, sign_key
from aiofrp.wire.frp.messages import NatHoleClient, NatHoleReport, NatHoleResp, NatHoleVisitor
from aiofrp.wire.nathole.sid import new_id

#: Seconds that the client of a proxy has to announce its addresses (docs/protocol/nat.md §3).
CLIENT_TIMEOUT = 10.0
#: Seconds by which the side that sends first gets its answer later, so that the other has begun
#: (docs/protocol/nat.md §3).
SENDER_DELAY = 1.0
#: Seconds that a report may come after the time in which the client waits for datagrams (docs/protocol/nat.md §3).
REPORT_TIME = 30.0
#: Attempts that wait for a client or a report: those of all visitors, of one address that visitors come from (IPv6: one
#: /64 network), and of one session.
MAX_ATTEMPTS: Final = 10_000
MAX_OF_ADDRESS: Final = 1_000
MAX_OF_SESSION: Final = 256
#: Characters of a transaction id, which is kept for the answer; the reference's has 26.
MAX_TRANSACTION: Final = 256

_PROTOCOLS = ("", "kcp", "quic")
_SENDER = "sender"
_TOO_MANY = "too many attempts to punch a hole are under way, try again in a minute"


class Member:
    """One session, as the rendezvous uses it."""

    __slots__ = ("host", "log", "messages", "source", "user")

    def __init__(self, messages: Messages, user: str, host: str, log: Log) -> None:
        """``host``: where its control connection comes from. ``log``: for what its messages cause."""
        self.messages, self.user, self.host, self.log = messages, user, host, log
        self.source = source_of(host)  #: that the attempts of all its sessions count for


class _Pending:
    """One attempt, from the visitor's request until no report is expected any more. Of the request is kept only what
    the answers need, for it may be much longer."""

    __slots__ = (
        "announced",
        "attempt",
        "client",
        "name",
        "owner",
        "protocol",
        "sid",
        "timer",
        "transaction",
        "visitor",
    )

    def __init__(self, sid: str, visitor: Member, request: NatHoleVisitor, owner: HoleOwner) -> None:
        self.sid = sid
        self.visitor = visitor
        self.owner = owner
        self.name = request.proxy_name  # of a proxy that exists
        self.transaction = request.transaction_id
        self.protocol = request.protocol if request.protocol in _PROTOCOLS else "quic"
        self.announced: (
            Announced | str
        )  # by the visitor, or why it cannot be used: an error would keep its request
        try:
            self.announced = announced("visitor", request.mapped_addrs, request.assisted_addrs, visitor.host)
        except ProtocolError as exc:
            self.announced = str(exc)
        self.client = ""  # the transaction of the client's announcement
        self.attempt: Attempt | None = None  # once both have announced themselves
        self.timer: asyncio.TimerHandle | None = None


class Rendezvous:
    """All xtcp proxies by name, limited by the number of proxies, and the attempts under way."""

    def __init__(self, keep: float) -> None:
        """``keep``: seconds for which it is remembered what has worked between two NATs."""
        self._controller = Controller(keep)
        self._owners = Directory[str, HoleOwner](lambda name: ProxyError(f"proxy [{name}] is repeated"))
        self._pending: dict[str, _Pending] = {}  # by session id; limited by MAX_ATTEMPTS
        self._shares = Shares[_Pending](MAX_ATTEMPTS, MAX_OF_ADDRESS, MAX_OF_SESSION, self._given_up)

    def __len__(self) -> int:
        return len(self._pending)

    async def claim(self, name: str, owner: HoleOwner) -> Lease:
        """Let visitors of the proxy ``name`` ask for holes until the lease ends. Raises
        :class:`~aiofrp.errors.ProxyError` when it is taken."""
        return await self._owners.claim(name, owner)

    def serve(self, member: Member) -> None:
        """Answer the messages of a session about hole punching, for as long as it lasts."""
        expect = member.messages.expect
        expect(NatHoleVisitor, lambda message: self._visitor(member, message))
        expect(NatHoleClient, lambda message: self._client(member, message))
        expect(NatHoleReport, lambda message: self._report(member, message))

    # Messages

    def _visitor(self, member: Member, message: NatHoleVisitor) -> None:
        try:
            if message.pre_check:
                self._check_user(member, message.proxy_name)
                answer = NatHoleResp(transaction_id=message.transaction_id)
            else:
                self._begin(member, message)
                return
        except FrpError as exc:
            member.log.warning("handle visitorMsg error: %s", exc)
            answer = NatHoleResp(transaction_id=message.transaction_id, error=str(exc))
        member.messages.send(answer)

    def _check_user(self, member: Member, name: str) -> None:
        owner = self._owner(name)
        if member.user not in owner.allow_users and "*" not in owner.allow_users:
            raise AuthError(f"xtcp visitor user [{member.user}] not allowed for [{name}]")

    def _begin(self, member: Member, message: NatHoleVisitor) -> None:
        """Ask the proxy's client for its addresses. Raises :class:`~aiofrp.errors.FrpError`."""
        name = message.proxy_name
        owner = self._owner(name)
        if not matches(message.sign_key, sign_key(owner.secret_key, message.timestamp)):
            raise AuthError(f"xtcp connection of [{name}] auth failed")
        self._check_user(member, name)
        if len(message.transaction_id) > MAX_TRANSACTION:
            raise ProxyError(f"the transaction id has more than {MAX_TRANSACTION} characters")
        pending = _Pending(new_id(), member, message, owner)
        if not self._shares.take(member.source, member.messages, pending):
            raise ProxyError(_TOO_MANY)
        self._pending[pending.sid] = pending
        pending.timer = asyncio.get_running_loop().call_later(CLIENT_TIMEOUT, self._no_client, pending)
        owner.ask(pending.sid, lambda error: self._no_client(pending, error))

    def _client(self, member: Member, message: NatHoleClient) -> None:
        pending = self._pending.get(message.sid)
        if pending is None or pending.owner.messages is not member.messages or pending.client:
            return
        if len(message.transaction_id) > MAX_TRANSACTION:
            member.log.warning("a NatHoleClient is ignored: its transaction id is too long")
            return
        pending.client = message.transaction_id
        try:
            client = announced("client", message.mapped_addrs, message.assisted_addrs, member.host)
            if isinstance(pending.announced, str):
                raise RemoteProtocolError(pending.announced)
            pending.attempt = self._controller.decide(client, pending.announced, time.monotonic())
        except ProtocolError as exc:
            member.log.debug("sid [%s] analysis error: %s", pending.sid, exc)
            for messages, transaction in (
                (member.messages, message.transaction_id),
                (pending.visitor.messages, pending.transaction),
            ):
                messages.send(NatHoleResp(transaction_id=transaction, error=str(exc)))
            self._forget(pending)
        else:
            self._answer(pending, pending.attempt)

    def _report(self, member: Member, message: NatHoleReport) -> None:
        pending = self._pending.get(message.sid)
        if pending is None or pending.attempt is None or pending.owner.messages is not member.messages:
            member.log.debug(
                "sid [%s] report make hole success: %s, but session not found", *_reported(message)
            )
            return
        if message.success:
            self._controller.succeeded(pending.attempt, time.monotonic())
        chosen = pending.attempt.chosen
        member.log.info(
            "sid [%s] report make hole success: %s, mode %d, index %d",
            *_reported(message),
            chosen.mode,
            chosen.index,
        )
        self._forget(pending)

    # Private

    def _owner(self, name: str) -> HoleOwner:
        owner = self._owners.find(name)
        if owner is None:
            raise ProxyError(f"xtcp server for [{name}] doesn't exist")
        return owner

    def _answer(self, pending: _Pending, attempt: Attempt) -> None:
        """Give both sides their orders: the receiver at once, the sender later."""
        loop = asyncio.get_running_loop()
        for messages, transaction, orders in (
            (pending.owner.messages, pending.client, attempt.client),
            (pending.visitor.messages, pending.transaction, attempt.visitor),
        ):
            answer = _response(pending, transaction, orders)
            if orders.behavior.role == _SENDER:
                loop.call_later(SENDER_DELAY, messages.send, answer)
            else:
                messages.send(answer)
        if pending.timer is not None:
            pending.timer.cancel()
        wait = attempt.client.behavior.read_timeout_ms / 1000 + REPORT_TIME
        pending.timer = loop.call_later(wait, self._forget, pending)

    def _no_client(self, pending: _Pending, error: FrpError | None = None) -> None:
        """The proxy's client cannot be asked because of ``error``, or did not answer in time. The visitor gets the
        cause; one of the reference's waits no longer than 5 s, and ignores it (docs/protocol/nat.md §3)."""
        if self._pending.get(pending.sid) is not pending or pending.client:
            return
        if self._owners.find(pending.name) is not pending.owner:
            cause = "the proxy has ended meanwhile"
        elif error is not None:
            cause = f"its frpc could not be asked for its addresses: {error}"
        else:
            cause = f"its frpc announced no addresses within {CLIENT_TIMEOUT:g} s; its log may say why"
        text = f"xtcp proxy [{pending.name}]: {cause}"
        pending.visitor.log.debug("wait for NatHoleClient message timeout, sid [%s]: %s", pending.sid, text)
        self._refuse(pending, text)

    def _given_up(self, pending: _Pending) -> None:
        """Others who have fewer attempts under way get the place of ``pending``."""
        if pending.attempt is None:
            self._refuse(pending, _TOO_MANY)
        else:
            self._forget(pending)  # both have their orders; only a report may come

    def _refuse(self, pending: _Pending, text: str) -> None:
        """End an attempt whose visitor has no answer yet."""
        pending.visitor.messages.send(NatHoleResp(transaction_id=pending.transaction, error=text))
        self._forget(pending)

    def _forget(self, pending: _Pending) -> None:
        if pending.timer is not None:
            pending.timer.cancel()
        self._pending.pop(pending.sid, None)
        self._shares.give_back(pending)


def _response(pending: _Pending, transaction: str, orders: Orders) -> NatHoleResp:
    return NatHoleResp(
        transaction_id=transaction,
        sid=pending.sid,
        protocol=pending.protocol,
        candidate_addrs=orders.candidates,
        assisted_addrs=orders.assisted,
        detect_behavior=orders.behavior,
    )


def _reported(message: NatHoleReport) -> tuple[str, str]:
    return message.sid, str(message.success).lower()
