"""xtcp: a local TCP service that visitors with the secret key reach directly, through a punched hole."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from aiofrp.config.models.model import field
from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.models.shared import NatTraversalConfig
from aiofrp.config.models.types import Bool, Int, Secret, Str, StrList
from aiofrp.host.contexts import ClientContext, MakeClient, VisitorContext
from aiofrp.proxy.base import Place, ProxyType
from aiofrp.proxy.direct.server import DirectServer
from aiofrp.proxy.local import LocalService
from aiofrp.proxy.secret import wire_name

if TYPE_CHECKING:
    from aiofrp.proxy.direct.client import DirectClient
    from aiofrp.proxy.direct.visitor import DirectVisitor


class XtcpConfig(ProxyConfig):
    """The configuration of an xtcp proxy: a TCP service for visitors that connect to frpc directly."""

    reference_name: ClassVar[str] = "XTCPProxyConfig"

    type: Str = field("xtcp", alias="type", help="Kind of the proxy: `xtcp`.", zero=True)
    secret_key: Secret = field(
        Secret(), alias="secretKey", help="Secret key visitors must show.", wire="sk", flag="sk"
    )
    allow_users: StrList = field(
        (),
        alias="allowUsers",
        help="Users whose visitors may connect; empty allows the same user, `*` all.",
        wire="allow_users",
        flag="allow-users",
    )
    nat_traversal: NatTraversalConfig | None = field(
        None, alias="natTraversal", help="How the hole is punched."
    )


class XtcpVisitorConfig(VisitorConfig):
    """A visitor of an xtcp proxy."""

    reference_name: ClassVar[str] = "XTCPVisitorConfig"

    type: Str = field("xtcp", alias="type", help="Kind of the visitor: `xtcp`.", zero=True)
    protocol: Str = field(
        "quic", alias="protocol", help="Protocol of the direct tunnel.", choices=("quic", "kcp")
    )
    keep_tunnel_open: Bool = field(
        False, alias="keepTunnelOpen", help="Make the tunnel before a user connects, and keep it."
    )
    max_retries_an_hour: Int = field(
        8, alias="maxRetriesAnHour", help="Most attempts to make the tunnel in one hour."
    )
    min_retry_interval: Int = field(
        90, alias="minRetryInterval", help="Seconds between two attempts, at least."
    )
    fallback_to: Str = field(
        "", alias="fallbackTo", help="Name of the visitor that is used if there is no tunnel in time."
    )
    fallback_timeout_ms: Int = field(
        1000,
        alias="fallbackTimeoutMs",
        help="Milliseconds to wait for the tunnel before `fallbackTo` is used.",
    )
    nat_traversal: NatTraversalConfig | None = field(
        None, alias="natTraversal", help="How the hole is punched."
    )


def _meeting(service: MakeClient, context: ClientContext, config: XtcpConfig) -> DirectClient:
    """frpc's half of a proxy whose users ``service`` serves; what it needs is loaded when there is such a proxy."""
    from aiofrp.proxy.direct.client import DirectClient

    return DirectClient(context, config, service)


def _visiting(context: VisitorContext, config: XtcpVisitorConfig) -> DirectVisitor:
    from aiofrp.proxy.direct.visitor import DirectVisitor

    return DirectVisitor(context, config, wire_name(context.user, config))


class Xtcp(ProxyType):
    """The proxy type ``xtcp``."""

    name = "xtcp"
    place = Place.DOOR
    Config = XtcpConfig
    VisitorConfig = XtcpVisitorConfig
    Server = DirectServer
    Client = LocalService
    Visitor = staticmethod(_visiting)

    @classmethod
    def reached(cls, service: MakeClient) -> MakeClient:
        return partial(_meeting, service)
