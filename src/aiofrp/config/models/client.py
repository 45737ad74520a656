"""The models of frpc's configuration file (docs/protocol/configuration.md §2.3).

Defaults are those of the reference; fields that it does not have are marked ``ours``.
"""

from __future__ import annotations

import os
from typing import Annotated, ClassVar

from aiofrp import registry
from aiofrp.config.models.model import FieldFlag, Model, field
from aiofrp.config.models.proxy import ProxyConfig, VisitorConfig
from aiofrp.config.models.shared import (
    ApiMetadata,
    AuthBase,
    LogConfig,
    QuicOptions,
    TlsConfig,
    ValueSource,
    WebServerConfig,
)
from aiofrp.config.models.types import Bool, Int, Int64, Secret, Str, StrList, StrMap, Want

WIRE_PROTOCOLS = ("v1", "v2")


class AuthOidcClientConfig(Model):
    """The table ``auth.oidc``: from where frpc gets OIDC tokens."""

    reference_name: ClassVar[str] = "AuthOIDCClientConfig"

    client_id: Str = field("", alias="clientID", help="Client id shown to the token endpoint.")
    client_secret: Secret = field(
        Secret(), alias="clientSecret", help="Client secret shown to the token endpoint."
    )
    audience: Str = field("", alias="audience", help="Audience the token is asked for.")
    scope: Str = field("", alias="scope", help="Scope the token is asked for.")
    token_endpoint_url: Str = field("", alias="tokenEndpointURL", help="Absolute URL of the token endpoint.")
    additional_endpoint_params: StrMap = field(
        alias="additionalEndpointParams", help="Further parameters of the token request.", factory=dict
    )
    trusted_ca_file: Str = field(
        "", alias="trustedCaFile", help="Path of the PEM certificates trusted for the token endpoint."
    )
    insecure_skip_verify: Bool = field(
        False, alias="insecureSkipVerify", help="Do not verify the token endpoint's certificate."
    )
    proxy_url: Str = field("", alias="proxyURL", help="URL of the proxy used to reach the token endpoint.")
    token_source: ValueSource | None = field(
        None, alias="tokenSource", help="Where the token itself is read from instead of an endpoint."
    )


class AuthClientConfig(AuthBase):
    """The table ``auth``: how frpc authenticates to the server."""

    oidc: AuthOidcClientConfig = field(
        alias="oidc", help="Where OIDC tokens come from.", factory=AuthOidcClientConfig
    )


class ClientTlsConfig(TlsConfig):
    """The table ``transport.tls``: TLS of connections to the server."""

    reference_name: ClassVar[str] = "TLSClientConfig"

    enable: Bool = field(True, alias="enable", help="Use TLS; `wss` and `quic` always do.", flag="tls-enable")
    disable_custom_tls_first_byte: Bool = field(
        True,
        alias="disableCustomTLSFirstByte",
        help="Begin TLS at once, without frp's own byte 0x17 in front.",
    )


class ClientTransport(Model):
    """The table ``transport``: how frpc connects to the server, and the limits of these connections."""

    reference_name: ClassVar[str] = "ClientTransportConfig"

    protocol: Str = field(
        "tcp",
        alias="protocol",
        help="What carries the connections to the server.",
        flag="protocol",
        short="p",
        choices=tuple(registry.TRANSPORTS),
    )
    wire_protocol: Str = field(
        "v1",
        alias="wireProtocol",
        help="Version of the messages exchanged with the server.",
        choices=WIRE_PROTOCOLS,
    )
    dial_server_timeout: Int64 = field(
        10, alias="dialServerTimeout", help="Seconds to wait for a connection to the server."
    )
    dial_server_keepalive: Int64 = field(
        7200,
        alias="dialServerKeepalive",
        help="Seconds between TCP keep-alive probes; negative turns them off.",
    )
    connect_server_local_ip: Str = field(
        "", alias="connectServerLocalIP", help="Local address from which the server is reached."
    )
    proxy_url: Str = field(
        "",
        alias="proxyURL",
        help="URL of the proxy on the way to the server; the environment's `http_proxy` if empty.",
    )
    pool_count: Int = field(1, alias="poolCount", help="Work connections kept ready at the server.")
    tcp_mux: Bool = field(
        True, alias="tcpMux", help="Carry all connections in one; the server must have the same."
    )
    tcp_mux_keepalive_interval: Int64 = field(
        30, alias="tcpMuxKeepaliveInterval", help="Seconds between keep-alives of the shared connection."
    )
    quic: QuicOptions = field(alias="quic", help="Limits of QUIC connections.", factory=QuicOptions)
    heartbeat_interval: Int64 = field(
        0,
        alias="heartbeatInterval",
        help="Seconds between heartbeats; -1 with tcpMux, else 30; negative is off.",
    )
    heartbeat_timeout: Int64 = field(
        0,
        alias="heartbeatTimeout",
        help="Seconds without an answer after which the server is lost; -1 with tcpMux, else 90.",
    )
    tls: ClientTlsConfig = field(
        alias="tls",
        help="TLS of connections to the server.",
        factory=ClientTlsConfig,
        flags={"server_name": FieldFlag("tls-server-name")},
    )

    def complete(self) -> None:
        """Set ``proxyURL`` from the environment's ``http_proxy`` or ``HTTP_PROXY``, and the seconds of heartbeats: -1
        (off) with ``tcpMux``, else 30 and 90."""
        self.fill(
            "proxy_url", self.proxy_url or os.environ.get("http_proxy") or os.environ.get("HTTP_PROXY", "")
        )
        self.fill("heartbeat_interval", self.heartbeat_interval or (-1 if self.tcp_mux else 30))
        self.fill("heartbeat_timeout", self.heartbeat_timeout or (-1 if self.tcp_mux else 90))


class VirtualNetConfig(Model):
    """The table ``virtualNet``: the client's address in a virtual network."""

    address: Str = field(
        "",
        alias="address",
        help="Address and prefix of this machine, such as `100.86.0.1/24`; needs the gate VirtualNet.",
    )


class StoreConfig(Model):
    """The table ``store``: where proxies and visitors are saved that the admin API creates at run time."""

    path: Str = field(
        "",
        alias="path",
        help="File of the store, relative to the configuration's directory; empty is no store.",
    )


class ClientCommonConfig(ApiMetadata):
    """All settings of frpc except its proxies and visitors."""

    reference_name: ClassVar[str] = "ClientCommonConfig"

    auth: AuthClientConfig = field(
        alias="auth", help="How the client authenticates.", factory=AuthClientConfig
    )
    user: Str = field(
        "",
        alias="user",
        help="User of this client; its proxies are `user.name` on the server.",
        flag="user",
        short="u",
    )
    client_id: Str = field("", alias="clientID", help="Stable identity of this client.", flag="client-id")
    server_addr: Str = field(
        "0.0.0.0",
        alias="serverAddr",
        help="Address or host name of the server.",
        flag="server-addr",
        short="s",
        flag_default="127.0.0.1",
    )
    server_port: Int = field(
        7000, alias="serverPort", help="Port of the server.", flag="server-port", short="P"
    )
    nat_hole_stun_server: Str = field(
        "stun.easyvoip.com:3478",
        alias="natHoleStunServer",
        help="STUN server that is asked for the public address, as `host:port`.",
    )
    dns_server: Str = field(
        "",
        alias="dnsServer",
        help="DNS server used for all look-ups, as `host` or `host:port`; the system's if empty.",
        flag="dns-server",
    )
    login_fail_exit: Bool = field(
        True, alias="loginFailExit", help="End when the first login fails, instead of trying again."
    )
    start: StrList = field(
        (), alias="start", help="Names of the only proxies and visitors to start; empty starts all."
    )
    log: LogConfig = field(alias="log", help="Logging.", factory=LogConfig)
    web_server: WebServerConfig = field(alias="webServer", help="The admin API.", factory=WebServerConfig)
    transport: ClientTransport = field(
        alias="transport", help="How the server is reached.", factory=ClientTransport
    )
    virtual_net: VirtualNetConfig = field(
        alias="virtualNet", help="The client's address in a virtual network.", factory=VirtualNetConfig
    )
    feature_gates: Annotated[dict[Str, Bool], Want("map[string]bool")] = field(
        alias="featureGates",
        help="Features that are off by default, such as `VirtualNet`.",
        factory=dict,
    )
    udp_packet_size: Int64 = field(
        1500, alias="udpPacketSize", help="Bytes of the largest UDP packet; the server must have the same."
    )
    metadatas: StrMap = field(
        alias="metadatas", help="Data sent to the server's plugins at login.", factory=dict
    )
    includes: StrList = field(
        (),
        alias="includes",
        help="Files with further proxies and visitors; the last component may hold `*`, `?` and `[a-z]`.",
    )
    store: StoreConfig = field(
        alias="store", help="Proxies and visitors made at run time.", factory=StoreConfig
    )


class ClientConfig(ClientCommonConfig):
    """All settings of frpc: the root table of its file."""

    reference_name: ClassVar[str] = "rawClientConfig"

    proxies: Annotated[tuple[ProxyConfig, ...], Want("[]jsonx.RawMessage")] = field(
        (), alias="proxies", help="Local services made public by the server."
    )
    visitors: Annotated[tuple[VisitorConfig, ...], Want("[]jsonx.RawMessage")] = field(
        (), alias="visitors", help="Local addresses for private proxies of other clients."
    )
