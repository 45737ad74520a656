"""What the server half of one proxy may use of frps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from aiofrp.config.models.types import Bandwidth
from aiofrp.errors import FrpError
from aiofrp.host.contexts import Doors, Holes, Ports
from aiofrp.host.gate import Ask, Gate
from aiofrp.host.groups import Groups
from aiofrp.host.relay import limit_of
from aiofrp.host.user import UserInfo
from aiofrp.host.vhost import Vhost
from aiofrp.server.hooks import Op
from aiofrp.server.publish.published import Traffic
from aiofrp.server.session.sessions import ControlSession
from aiofrp.server.tables import Tables
from aiofrp.stream.base import Stream
from aiofrp.wire.frp.messages import NewProxy, StartWorkConn

_T = TypeVar("_T")


class Context:
    """The :class:`aiofrp.host.contexts.ServerContext` of one proxy; configuration is read when it is needed, so that a
    reload counts."""

    __slots__ = (
        "_gate",
        "_pool",
        "_tables",
        "codec",
        "key",
        "limit",
        "log",
        "max_message",
        "message",
        "messages",
        "traffic",
        "user",
        "user_log",
    )

    def __init__(self, tables: Tables, owner: ControlSession, message: NewProxy, traffic: Traffic) -> None:
        self._tables = tables
        self._pool = owner.pool
        self._gate = Gate(
            _ask(tables, owner, message.proxy_type or "tcp"), tables.scope, stepped=tables.hooks.needs_no_task
        )
        self.messages = owner.messages
        self.codec = owner.codec
        self.max_message = owner.login.max_message
        self.key = owner.key
        self.user = owner.login.user
        self.limit = limit_of(_bandwidth(message.bandwidth_limit), message.bandwidth_limit_mode == "server")
        self.message = message
        self.log = owner.message_log.bind(message.proxy_name)
        self.user_log = owner.user_log.bind(message.proxy_name)
        self.traffic = traffic

    @property
    def bind_addr(self) -> str:
        """``proxyBindAddr``."""
        return self._tables.config.proxy_bind_addr

    @property
    def udp_packet_size(self) -> int:
        """``udpPacketSize`` in bytes."""
        return self._tables.config.udp_packet_size

    @property
    def tcp_ports(self) -> Ports:
        """The TCP ports of this frps."""
        return self._tables.tcp_ports

    @property
    def udp_ports(self) -> Ports:
        """The UDP ports of this frps."""
        return self._tables.udp_ports

    @property
    def doors(self) -> Doors:
        """The doors of all secret proxies."""
        return self._tables.doors

    @property
    def holes(self) -> Holes:
        """The rendezvous of all xtcp proxies."""
        return self._tables.rendezvous

    def vhost(self, kind: str, target: type[_T]) -> Vhost[_T]:
        """The shared port of the proxy type ``kind``; ``target`` must be the class its domains lead to."""
        found = self._tables.vhosts[kind]
        assert isinstance(found, Vhost)
        assert found.target is target
        return found

    def groups(self, kind: str) -> Groups:
        """The groups of the proxy type ``kind``, over all clients."""
        return self._tables.groups[kind]

    @property
    def admits_all(self) -> bool:
        """Whether no hook is asked about users of this proxy."""
        return self._gate.open

    def admit(
        self, address: tuple[str, int], ready: Callable[[], None], refused: Callable[[FrpError], None]
    ) -> None:
        """Ask the proxy's gate about the user at ``address``; see :meth:`aiofrp.host.gate.Gate.admit`."""
        message = self.message
        self._gate.admit(UserInfo(message.proxy_name, message.proxy_type or "tcp", address), ready, refused)

    def take_work_connection(
        self,
        start: StartWorkConn,
        ready: Callable[[Stream], None],
        failed: Callable[[FrpError], None],
    ) -> None:
        """Take one from the client's pool; see :meth:`aiofrp.server.session.workpool.WorkPool.take`."""
        self._pool.take(start, ready, failed)


def _ask(tables: Tables, owner: ControlSession, proxy_type: str) -> Ask | None:
    """What asks the hooks about a user; ``None`` where they do not want to be asked."""
    hooks = tables.hooks
    if Op.NEW_USER_CONN not in hooks.asked or not hooks.asks_about_users(proxy_type):
        return None
    return lambda user: hooks.new_user_conn(user, owner.info)


def _bandwidth(text: str) -> Bandwidth:
    """A limit as a client writes it; one that cannot be read is none (docs/protocol/server.md §2.7)."""
    try:
        return Bandwidth.parse(text)
    except ValueError:
        return Bandwidth()
