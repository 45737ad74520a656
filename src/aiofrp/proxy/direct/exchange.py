"""From nothing to a hole: what both halves of xtcp do (docs/protocol/nat.md §3)."""

from __future__ import annotations

import asyncio
from typing import Protocol, TypeAlias

from aiofrp.config.models.shared import NatTraversalConfig
from aiofrp.config.models.types import Secret
from aiofrp.errors import FrpError, ProxyError, TimedOut
from aiofrp.host.contexts import DirectOptions
from aiofrp.host.messages import Messages
from aiofrp.logs import Log
from aiofrp.nat.classify import Nat, classify
from aiofrp.nat.discover import Discovered, discover, servers_of
from aiofrp.nat.punch.driver import Hole, punch
from aiofrp.nat.punch.plan import plan
from aiofrp.proxy.direct.explain import explain
from aiofrp.wire.frp.messages import NatHoleClient, NatHoleResp, NatHoleVisitor
from aiofrp.wire.nathole.sid import SidCodec, new_id

Request: TypeAlias = NatHoleVisitor | NatHoleClient


class PunchConfig(Protocol):
    """The settings of a proxy or visitor that punching uses."""

    @property
    def secret_key(self) -> Secret:
        """The secret key, which both sides have."""

    @property
    def nat_traversal(self) -> NatTraversalConfig | None:
        """How the hole is punched."""


async def ask(messages: Messages, request: Request, seconds: float) -> NatHoleResp:
    """The server's answer to ``request``. Raises :class:`~aiofrp.errors.TimedOut` after ``seconds``, and
    :class:`~aiofrp.errors.ProxyError` with the server's words when it refuses."""
    answer: asyncio.Future[NatHoleResp] = asyncio.get_running_loop().create_future()

    def answered(message: NatHoleResp) -> None:
        if not answer.done():
            answer.set_result(message)

    end = messages.expect(NatHoleResp, answered, request.transaction_id)
    try:
        messages.send(request)
        async with asyncio.timeout(seconds):
            response = await answer
    except TimeoutError:
        raise TimedOut(f"get natHoleRespMsg error: no answer of the server within {seconds:g} s") from None
    finally:
        end()
    if response.error:
        raise ProxyError(f"natHoleRespMsg get error info: {response.error}")
    return response


class Punching:
    """The attempts of one proxy or visitor: what they have in common, and which modes failed since the last success."""

    def __init__(self, options: DirectOptions, config: PunchConfig, log: Log) -> None:
        self._options = options
        self._config = config
        self._log = log
        self._codec = SidCodec(config.secret_key.reveal())
        self._modes: dict[int, None] = {}  # that failed; the tables have five, see hole()

    async def prepare(self) -> Discovered:
        """The outside addresses of a new socket. Raises :class:`~aiofrp.errors.ProxyError`."""
        traversal = self._config.nat_traversal
        assisted = traversal is None or not traversal.disable_assisted_addrs
        try:
            found = await discover(servers_of(self._options.stun_servers), assisted=assisted)
        except FrpError as exc:
            raise ProxyError(f"nathole prepare error: discover error: {exc}") from exc
        nat = nat_of(found.mapped, found.assisted)
        self._log.info(
            "nathole prepare success, nat type: %s, behavior: %s, addresses: [%s], assistedAddresses: [%s]",
            nat.type,
            nat.behavior,
            " ".join(found.mapped),
            " ".join(found.assisted),
        )
        return found

    async def hole(self, found: Discovered, answer: NatHoleResp) -> Hole:
        """Punch a hole as the server's ``answer`` says. The socket of ``found`` is closed unless it is the hole's.

        Raises :class:`~aiofrp.errors.ProxyError`, which says what was tried and what may help."""
        behavior = answer.detect_behavior
        self._log.info(
            "get natHoleRespMsg, sid [%s], protocol [%s], candidate address [%s], assisted address [%s], "
            "detectBehavior: mode %d as %s",
            answer.sid,
            answer.protocol,
            " ".join(answer.candidate_addrs[:2]),
            " ".join(answer.assisted_addrs[:10]),
            behavior.mode,
            behavior.role,
        )
        try:
            made = plan(answer)
        except FrpError as exc:
            found.socket.close()
            raise ProxyError(f"make hole error: {exc}") from exc
        try:
            hole = await punch(made, found.socket, self._codec, new_id())
        except FrpError as exc:
            if len(self._modes) < 5:
                self._modes[behavior.mode] = None
            own, peer = nat_of(found.mapped, found.assisted), peer_nat(answer)
            raise ProxyError(f"make hole error: {explain(exc, own, peer, tuple(self._modes))}") from exc
        self._modes.clear()
        self._log.info(
            "establishing nat hole connection successful, sid [%s], remoteAddr [%s:%d]",
            answer.sid,
            *hole.peer,
        )
        return hole


def nat_of(mapped: tuple[str, ...], assisted: tuple[str, ...]) -> Nat:
    """The NAT of a host with these outside and inside addresses."""
    return classify(mapped, [address.rpartition(":")[0] for address in assisted])


def peer_nat(answer: NatHoleResp) -> Nat | None:
    """The NAT of the peer, whose equal outside addresses the server sends once; ``None`` when they are none."""
    mapped = answer.candidate_addrs
    try:
        return nat_of(mapped * 2 if len(mapped) == 1 else mapped, answer.assisted_addrs)
    except FrpError:
        return None
