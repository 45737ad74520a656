"""The models that all proxies, visitors and plugins have in common (docs/protocol/configuration.md §2.4 to §2.6).

The models of the single types are in ``aiofrp.proxy`` and ``aiofrp.plugin``; no type is named here. Defaults are those
of the reference; fields that it does not have are marked ``ours``.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from aiofrp.config.models.model import Model, declared, field
from aiofrp.config.models.shared import HttpHeader
from aiofrp.config.models.types import Bandwidth, Bool, Int, Secret, Str, StrList, StrMap, Want

BANDWIDTH_MODES = ("client", "server")


class PluginConfig(Model):
    """The base of the models of client plugins, which serve connections instead of a local port."""

    type: Str = field("", alias="type", help="Kind of the plugin.")

    #: Attributes that must not be empty.
    required: ClassVar[tuple[str, ...]] = ()


class VisitorPluginConfig(Model):
    """The base of the models of visitor plugins, which open connections instead of a local port."""

    type: Str = field("", alias="type", help="Kind of the plugin.")


class PluginKind:
    """What the configuration uses of a plugin's class; the registry has a row for each plugin."""

    #: The value of ``type`` in a configuration.
    name: ClassVar[str]
    Config: ClassVar[type[PluginConfig] | type[VisitorPluginConfig]]


class ProxyTransport(Model):
    """The table ``transport`` of a proxy: what happens to the bytes of its connections between frps and frpc."""

    reference_name: ClassVar[str] = "ProxyTransport"

    use_encryption: Bool = field(
        False,
        alias="useEncryption",
        help="Encrypt work connections with the token as key.",
        wire="use_encryption",
        flag="ue",
    )
    use_compression: Bool = field(
        False, alias="useCompression", help="Compress work connections.", wire="use_compression", flag="uc"
    )
    bandwidth_limit: Annotated[Bandwidth, Want("types.BandwidthQuantity")] = field(
        Bandwidth(),
        alias="bandwidthLimit",
        help="Bytes per second of the whole proxy, such as `500KB` or `1MB` (powers of 1024).",
        wire="bandwidth_limit",
        flag="bandwidth-limit",
    )
    bandwidth_limit_mode: Str = field(
        "client",
        alias="bandwidthLimitMode",
        help="Program that applies the limit.",
        wire="bandwidth_limit_mode",
        flag="bandwidth-limit-mode",
        choices=BANDWIDTH_MODES,
    )
    proxy_protocol_version: Str = field(
        "",
        alias="proxyProtocolVersion",
        help="Send a PROXY header of this version to the local service.",
        choices=("v1", "v2"),
    )


class LoadBalancer(Model):
    """The table ``loadBalancer``: several proxies that share one remote port or domain."""

    reference_name: ClassVar[str] = "LoadBalancerConfig"

    group: Str = field(
        "", alias="group", help="Name of the group the proxy shares its users with.", wire="group"
    )
    group_key: Secret = field(
        Secret(), alias="groupKey", help="Secret that all proxies of the group must have.", wire="group_key"
    )


class HealthCheck(Model):
    """The table ``healthCheck``: checks of the local service; the proxy is closed while they fail."""

    reference_name: ClassVar[str] = "HealthCheckConfig"

    type: Str = field(
        "", alias="type", help="Kind of the health check; empty is none.", choices=("tcp", "http")
    )
    timeout_seconds: Int = field(
        0, alias="timeoutSeconds", help="Seconds to wait for an answer; 0 or less means 3."
    )
    max_failed: Int = field(
        0,
        alias="maxFailed",
        help="Failures in a row after which the service counts as failed; 0 or less means 1.",
    )
    interval_seconds: Int = field(
        0, alias="intervalSeconds", help="Seconds between two checks; 0 or less means 10."
    )
    path: Str = field("", alias="path", help="Path that is requested, with type `http`.")
    http_headers: Annotated[tuple[HttpHeader, ...], Want("[]v1.HTTPHeader")] = field(
        (), alias="httpHeaders", help="Headers of the request, with type `http`."
    )


class ProxyBase(Model):
    """The fields of a proxy besides those of its local service: name, type, transport, load balancing, checks."""

    reference_name: ClassVar[str] = "ProxyBaseConfig"
    form_group: ClassVar[str] = "General"

    name: Str = field(
        "", alias="name", help="Name of the proxy, unique in the file.", flag="proxy-name", short="n"
    )
    type: Str = field("", alias="type", help="Kind of the proxy.", zero=True)
    enabled: Bool | None = field(None, alias="enabled", help="Set to false to leave the proxy out.")
    annotations: StrMap = field(
        alias="annotations",
        help="Notes shown on the server's dashboard; keys like `site` or `example.org/site`.",
        factory=dict,
        wire="annotations",
        flag="annotations",
    )
    transport: ProxyTransport = field(
        alias="transport", help="How the proxy's connections travel.", factory=ProxyTransport
    )
    metadatas: StrMap = field(
        alias="metadatas",
        help="Data sent to the server's plugins.",
        factory=dict,
        wire="metas",
        flag="metadatas",
    )
    load_balancer: LoadBalancer = field(
        alias="loadBalancer", help="Sharing of users with other proxies.", factory=LoadBalancer
    )
    health_check: HealthCheck = field(
        alias="healthCheck", help="Watching of the local service.", factory=HealthCheck
    )


class ProxyBackend(Model):
    """The fields of a proxy that say which local service or plugin serves its connections."""

    reference_name: ClassVar[str] = "ProxyBaseConfig.ProxyBackend"
    form_group: ClassVar[str] = "Local service"

    local_ip: Str = field(
        "127.0.0.1",
        alias="localIP",
        help="Address or host name of the local service.",
        flag="local-ip",
        short="i",
    )
    local_port: Int = field(
        0, alias="localPort", help="Port of the local service.", flag="local-port", short="l", port=True
    )
    plugin: PluginConfig | None = field(
        None, alias="plugin", help="A built-in service that answers instead of a local port."
    )


class ProxyConfig(ProxyBackend, ProxyBase):
    """The settings that all proxy types have; the base of the model of each type."""

    def wire_values(self) -> dict[str, Any]:
        """The arguments of :class:`aiofrp.wire.frp.messages.NewProxy`, except name and type, by their names there.

        Secrets are in plain text. The bandwidth limit mode is left out when it is ``client``, as in the reference.
        """
        values = _wire_values(self)
        if values["bandwidth_limit_mode"] == "client":
            del values["bandwidth_limit_mode"]
        return values


def _wire_values(model: Model) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for item in declared(type(model)).values():
        value = getattr(model, item.name)
        if item.wire:
            values[item.wire] = _wire_value(value)
        elif isinstance(value, Model):
            values |= _wire_values(value)
    return values


def _wire_value(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Model):  # a table with one member, such as the headers to set
        (value,) = (getattr(value, name) for name in declared(type(value)))
    return value.text if isinstance(value, Bandwidth) else value


#: Most routes (pairs of a domain and a location) of one proxy at frps. The reference has no limit.
MAX_ROUTES: Final = 1000


class DomainConfig(Model):
    """The fields of proxies that share a port of frps: the host names of their requests."""

    reference_name: ClassVar[str] = "DomainConfig"
    form_group: ClassVar[str] = "Domains"

    custom_domains: StrList = field(
        (),
        alias="customDomains",
        help="Host names of the proxy; the first part may be `*`.",
        wire="custom_domains",
        flag="custom-domain",
        short="d",
    )
    subdomain: Str = field(
        "",
        alias="subdomain",
        help="Subdomain of the server's `subDomainHost` for the proxy.",
        wire="subdomain",
        flag="sd",
    )

    @property
    def routes(self) -> int:
        """How many routes the proxy needs: one for each custom domain and one for its subdomain."""
        return len([domain for domain in (*self.custom_domains, self.subdomain) if domain])


class VisitorTransport(Model):
    """The table ``transport`` of a visitor; both values must equal those of the visited proxy."""

    reference_name: ClassVar[str] = "VisitorTransport"

    use_encryption: Bool = field(
        False, alias="useEncryption", help="Encrypt connections with `secretKey` as key.", flag="ue"
    )
    use_compression: Bool = field(False, alias="useCompression", help="Compress connections.", flag="uc")


class VisitorConfig(Model):
    """The settings that all visitor types have; the base of the model of each type.

    A visitor is a local port whose connections go to the secret proxy of another client.
    """

    reference_name: ClassVar[str] = "VisitorBaseConfig"
    form_group: ClassVar[str] = "General"

    name: Str = field(
        "", alias="name", help="Name of the visitor, unique in the file.", flag="visitor-name", short="n"
    )
    type: Str = field("", alias="type", help="Kind of the visitor.")
    enabled: Bool | None = field(None, alias="enabled", help="Set to false to leave the visitor out.")
    transport: VisitorTransport = field(
        alias="transport", help="How the visitor's connections travel.", factory=VisitorTransport
    )
    secret_key: Secret = field(Secret(), alias="secretKey", help="Secret key of the proxy.", flag="sk")
    server_user: Str = field(
        "", alias="serverUser", help="User of the proxy; empty is the same user.", flag="server-user"
    )
    server_name: Str = field("", alias="serverName", help="Name of the proxy to visit.", flag="server-name")
    bind_addr: Str = field(
        "127.0.0.1",
        alias="bindAddr",
        help="Local address the visitor listens on.",
        flag="bind-addr",
    )
    bind_port: Int = field(
        0,
        alias="bindPort",
        help="Local port the visitor listens on; a negative port serves only other visitors (`fallbackTo`).",
        flag="bind-port",
    )
    plugin: VisitorPluginConfig | None = field(
        None, alias="plugin", help="A built-in service that makes connections instead of a local port."
    )


class ProxyKind:
    """What the configuration uses of a proxy type's class; :data:`aiofrp.registry.PROXIES` has a row for each type."""

    #: The value of ``type`` in a configuration.
    name: ClassVar[str]
    Config: ClassVar[type[ProxyConfig]]
    #: ``None`` where the type has no visitors.
    VisitorConfig: ClassVar[type[VisitorConfig] | None] = None
