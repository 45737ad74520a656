"""What the parts of one frps share: its configuration and its tables.

Every part of frps receives :class:`Tables`; none of them knows the server that starts and stops them.
"""

from __future__ import annotations

import socket
from collections import defaultdict
from collections.abc import Callable, Mapping

from msgspec import Struct, field

from aiofrp.aio import Scope
from aiofrp.config.models.server import AuthServerConfig, ServerConfig
from aiofrp.errors import FrpError, Taken
from aiofrp.host.groups import Groups
from aiofrp.host.vhost import SharedPort
from aiofrp.server.api.clients import Clients
from aiofrp.server.api.statistics import Observer
from aiofrp.server.directory import Directory
from aiofrp.server.hooks import Hooks, NoHooks
from aiofrp.server.live.disabled import DisabledProxies
from aiofrp.server.publish.doors import Visitors
from aiofrp.server.publish.ports import PortTable
from aiofrp.server.publish.published import Published
from aiofrp.server.publish.rendezvous import Rendezvous
from aiofrp.server.session.auth import TokenVerifier, Verifier
from aiofrp.server.session.notices import Notices
from aiofrp.server.session.sessions import Sessions
from aiofrp.transport.net import ListenFailed, bind_tcp, bind_udp
from aiofrp.wire.frp.auth import derive_key
from aiofrp.wire.frp.messages import NewProxy

#: Bytes of the error a client is answered with: names in it are the client's, and hooks word some of them. The answer
#: must stay below the limit for messages.
MAX_ERROR = 4096


class Tables(Struct, eq=False):
    """The configuration and the tables of one frps. Lookups answer in the same call; claims are awaited and end with
    their lease."""

    config: ServerConfig  #: the present one; a reload replaces it
    make_verifier: Callable[[AuthServerConfig], Verifier]
    verifier: Verifier  #: judges logins from now on; sessions keep what it gave them
    key: bytes  #: of encrypted work connections of logins from now on, 16 bytes
    tcp_ports: PortTable
    udp_ports: PortTable
    vhosts: Mapping[str, SharedPort]  #: by proxy type
    scope: Scope  #: of tasks that belong to no session
    notices: Notices  #: to hooks, sent by tasks of ``scope``
    rendezvous: Rendezvous  #: of visitors and xtcp proxies
    sessions: Sessions = field(default_factory=Sessions)
    clients: Clients = field(default_factory=Clients)
    published: Directory[str, Published] = field(
        default_factory=lambda: Directory(lambda name: Taken(f"proxy [{name}] already exists", name))
    )
    """Proxies by wire name, also those that still start."""
    doors: Visitors = field(default_factory=Visitors)
    groups: defaultdict[str, Groups] = field(default_factory=lambda: defaultdict(Groups))
    """Load balancing groups by proxy type."""
    disabled: DisabledProxies = field(default_factory=DisabledProxies)
    """Names of proxies that an operator has disabled."""
    observers: list[Observer] = field(default_factory=list)
    hooks: Hooks = field(
        default_factory=NoHooks
    )  #: asked from the next event on; of users, from the next proxy on

    def __repr__(self) -> str:
        return f"<Tables of {len(self.published)} proxies>"  # no key

    def use(self, config: ServerConfig) -> None:
        """Go over to ``config``: its token, its scopes and its ports count from now on."""
        self.config = config
        self.verifier, self.key = self.make_verifier(config.auth), _key(config)
        for table in (self.tcp_ports, self.udp_ports):
            table.allow(ports.pair for ports in config.allow_ports)

    def running(self, name: str) -> tuple[NewProxy, str] | None:
        """The request a running proxy was made from, and its ``remote_addr``."""
        found = self.published.find(name)
        if found is None or found.remote_addr is None:
            return None
        return found.half.context.message, found.remote_addr

    def explain(self, error: FrpError, summary: str) -> str:
        """The text a client gets: the error, or only ``summary`` without ``detailedErrorsToClient``. It has
        :data:`MAX_ERROR` bytes at most."""
        text = str(error) if self.config.detailed_errors_to_client else summary
        return text.encode("utf-8", "replace")[:MAX_ERROR].decode("utf-8", "ignore")


def token_verifier(auth: AuthServerConfig) -> Verifier:
    """The verifier of the token of ``auth``."""
    return TokenVerifier(auth.token.reveal(), auth.additional_scopes, auth.authentication_timeout)


def tables_of(
    config: ServerConfig,
    vhosts: Mapping[str, SharedPort],
    make_verifier: Callable[[AuthServerConfig], Verifier] = token_verifier,
) -> Tables:
    """The tables of a frps that starts with ``config``: all empty. ``vhosts``: its shared ports by proxy type.
    ``make_verifier`` is called now, and at every reload."""
    addr = config.proxy_bind_addr
    allowed = [ports.pair for ports in config.allow_ports]
    scope = Scope("frps")
    return Tables(
        config=config,
        make_verifier=make_verifier,
        verifier=make_verifier(config.auth),
        key=_key(config),
        tcp_ports=PortTable(allowed, lambda port: _can_bind(bind_tcp, addr, port)),
        udp_ports=PortTable(
            allowed,
            lambda port: _can_bind(bind_udp, addr, port),
            prefix=lambda port: f"acquire port {port} error: ",
        ),
        vhosts=vhosts,
        scope=scope,
        notices=Notices(scope),
        rendezvous=Rendezvous(config.nathole_analysis_data_reserve_hours * 3600.0),
    )


def _key(config: ServerConfig) -> bytes:
    return derive_key(config.auth.token.reveal())


def _can_bind(bind: Callable[[str, int], socket.socket], host: str, port: int) -> bool:
    try:
        bind(host, port).close()
    except ListenFailed:
        return False
    return True
