"""The models of frps' configuration file (docs/protocol/configuration.md §2.2).

Defaults are those of the reference; fields that it does not have are marked ``ours``.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from aiofrp.config.models.model import FieldFlag, Model, field
from aiofrp.config.models.shared import (
    ApiMetadata,
    AuthBase,
    LogConfig,
    QuicOptions,
    TlsConfig,
    WebServerConfig,
)
from aiofrp.config.models.types import Bool, Int, Int64, Str, StrList, Want

HTTP_PLUGIN_OPS = ("Login", "NewProxy", "CloseProxy", "Ping", "NewWorkConn", "NewUserConn")


class AuthOidcServerConfig(Model):
    """The table ``auth.oidc``: which OIDC tokens frps accepts."""

    reference_name: ClassVar[str] = "AuthOIDCServerConfig"

    issuer: Str = field("", alias="issuer", help="URL of the issuer whose tokens are accepted.")
    audience: Str = field("", alias="audience", help="Audience a token must name; empty accepts any.")
    skip_expiry_check: Bool = field(False, alias="skipExpiryCheck", help="Accept expired tokens.")
    skip_issuer_check: Bool = field(False, alias="skipIssuerCheck", help="Accept tokens of any issuer.")


class AuthServerConfig(AuthBase):
    """The table ``auth``: how frps authenticates its clients."""

    oidc: AuthOidcServerConfig = field(
        alias="oidc", help="Verification of OIDC tokens.", factory=AuthOidcServerConfig
    )
    authentication_timeout: Int64 = field(
        0,
        alias="authenticationTimeout",
        help="Most seconds between the time stamp of a login and the server's clock; 0 is no limit.",
        ours=True,
    )


class ServerTlsConfig(TlsConfig):
    """The table ``transport.tls``: TLS of control and work connections."""

    reference_name: ClassVar[str] = "TLSServerConfig"

    force: Bool = field(
        False,
        alias="force",
        help="Refuse clients without TLS; always on with `trustedCaFile`.",
        flag="tls-only",
    )

    def complete(self) -> None:
        """Set ``force`` when client certificates are verified."""
        self.fill("force", self.force or bool(self.trusted_ca_file))


class ServerTransport(Model):
    """The table ``transport``: connections between frps and its clients, and their limits."""

    reference_name: ClassVar[str] = "ServerTransportConfig"

    tcp_mux: Bool = field(
        True,
        alias="tcpMux",
        help="Carry all of a client's connections in one; the client must have the same.",
    )
    tcp_mux_keepalive_interval: Int64 = field(
        30, alias="tcpMuxKeepaliveInterval", help="Seconds between keep-alives of the shared connection."
    )
    tcp_keepalive: Int64 = field(
        7200, alias="tcpKeepalive", help="Seconds between TCP keep-alive probes; negative turns them off."
    )
    max_pool_count: Int64 = field(
        5, alias="maxPoolCount", help="Most ready work connections kept per client."
    )
    heartbeat_timeout: Int64 = field(
        0,
        alias="heartbeatTimeout",
        help="Seconds without a heartbeat after which a client is dropped; -1 with tcpMux, else 90.",
    )
    quic: QuicOptions = field(alias="quic", help="Limits of QUIC connections.", factory=QuicOptions)
    tls: ServerTlsConfig = field(alias="tls", help="TLS of connections to clients.", factory=ServerTlsConfig)

    def complete(self) -> None:
        """Set the seconds of heartbeats: -1 (no limit) with ``tcpMux``, else 90."""
        self.fill("heartbeat_timeout", self.heartbeat_timeout or (-1 if self.tcp_mux else 90))


class SshTunnelGateway(Model):
    """The table ``sshTunnelGateway``: clients that are plain SSH programs."""

    reference_name: ClassVar[str] = "SSHTunnelGateway"

    bind_port: Int = field(0, alias="bindPort", help="TCP port for SSH clients; 0 turns the gateway off.")
    private_key_file: Str = field("", alias="privateKeyFile", help="Path of the SSH host key.")
    auto_gen_private_key_path: Str = field(
        "./.autogen_ssh_key",
        alias="autoGenPrivateKeyPath",
        help="Path of the host key that is made when `privateKeyFile` is empty.",
    )
    authorized_keys_file: Str = field(
        "",
        alias="authorizedKeysFile",
        help="Path of the public keys that may connect; empty accepts every client.",
    )


class PortsRange(Model):
    """A range of ports, or a single port."""

    reference_name: ClassVar[str] = "PortsRange"

    start: Int = field(0, alias="start", help="First port.")
    end: Int = field(0, alias="end", help="Last port.")
    single: Int = field(0, alias="single", help="One port; above 0 it replaces start and end.")

    @property
    def pair(self) -> tuple[int, int]:
        """First and last port, both included."""
        return (self.single, self.single) if self.single > 0 else (self.start, self.end)


class HttpPluginConfig(Model):
    """An HTTP service that frps asks before an operation of a client, or informs after it."""

    reference_name: ClassVar[str] = "HTTPPluginOptions"

    name: Str = field("", alias="name", help="Name of the plugin in logs.")
    addr: Str = field("", alias="addr", help="Address as `host:port`, with `https://` in front for TLS.")
    path: Str = field("", alias="path", help="Path of the requests.")
    ops: StrList = field(
        (), alias="ops", help="Operations the plugin is asked about: " + ", ".join(HTTP_PLUGIN_OPS) + "."
    )
    tls_verify: Bool = field(
        False, alias="tlsVerify", help="Verify the certificate of an `https://` address."
    )


_DASHBOARD_FLAGS = {
    "addr": FieldFlag("dashboard-addr", default="0.0.0.0"),
    "port": FieldFlag("dashboard-port"),
    "user": FieldFlag("dashboard-user", default="admin"),
    "password": FieldFlag("dashboard-pwd", default="admin"),
    "tls.cert_file": FieldFlag("dashboard-tls-cert-file"),
    "tls.key_file": FieldFlag("dashboard-tls-key-file"),
}


class ServerConfig(ApiMetadata):
    """All settings of frps: the root table of its file."""

    reference_name: ClassVar[str] = "ServerConfig"

    auth: AuthServerConfig = field(alias="auth", help="How clients authenticate.", factory=AuthServerConfig)
    bind_addr: Str = field(
        "0.0.0.0", alias="bindAddr", help="Address the server listens on for clients.", flag="bind-addr"
    )
    bind_port: Int = field(
        7000, alias="bindPort", help="TCP port for clients.", flag="bind-port", short="p", port=True
    )
    kcp_bind_port: Int = field(
        0,
        alias="kcpBindPort",
        help="UDP port for clients over KCP; 0 turns it off.",
        flag="kcp-bind-port",
        port=True,
    )
    quic_bind_port: Int = field(
        0,
        alias="quicBindPort",
        help="UDP port for clients over QUIC; 0 turns it off.",
        flag="quic-bind-port",
        port=True,
    )
    proxy_bind_addr: Str = field(
        "",
        alias="proxyBindAddr",
        help="Address of the proxies' listeners; that of `bindAddr` when empty.",
        flag="proxy-bind-addr",
        flag_default="0.0.0.0",
    )
    vhost_http_port: Int = field(
        0,
        alias="vhostHTTPPort",
        help="TCP port shared by all http proxies; 0 turns them off.",
        flag="vhost-http-port",
        port=True,
    )
    vhost_http_timeout: Int64 = field(
        60,
        alias="vhostHTTPTimeout",
        help="Seconds to wait for the response head of an http proxy's service.",
        flag="vhost-http-timeout",
    )
    vhost_https_port: Int = field(
        0,
        alias="vhostHTTPSPort",
        help="TCP port shared by all https proxies; 0 turns them off.",
        flag="vhost-https-port",
        port=True,
    )
    vhost_trusted_addresses: StrList = field(
        ("127.0.0.0/8", "::1"),
        alias="vhostTrustedAddresses",
        help="Addresses and networks of front ends whose X-Real-IP and X-Forwarded-* pass to http services.",
        ours=True,
    )
    tcpmux_http_connect_port: Int = field(
        0,
        alias="tcpmuxHTTPConnectPort",
        help="TCP port shared by all tcpmux proxies; 0 turns them off.",
        port=True,
    )
    tcpmux_passthrough: Bool = field(
        False, alias="tcpmuxPassthrough", help="Pass the CONNECT request on to the service of a tcpmux proxy."
    )
    sub_domain_host: Str = field(
        "",
        alias="subDomainHost",
        help="Domain below which proxies may ask for a `subdomain`.",
        flag="subdomain-host",
    )
    custom_404_page: Str = field(
        "", alias="custom404Page", help="Path of an HTML file served where no http proxy matches."
    )
    ssh_tunnel_gateway: SshTunnelGateway = field(
        alias="sshTunnelGateway", help="Clients that are plain SSH programs.", factory=SshTunnelGateway
    )
    web_server: WebServerConfig = field(
        alias="webServer", help="The dashboard.", factory=WebServerConfig, flags=_DASHBOARD_FLAGS
    )
    enable_prometheus: Bool = field(
        False,
        alias="enablePrometheus",
        help="Offer `/metrics` on the dashboard's port.",
        flag="enable-prometheus",
    )
    history_file: Str = field(
        "",
        alias="historyFile",
        help="SQLite file that keeps the traffic figures of the dashboard over a restart; empty keeps them in memory.",
        ours=True,
    )
    audit_file: Str = field(
        "",
        alias="auditFile",
        help="File that gets a line of JSON for each operation by the dashboard's API, such as a kick; empty for none.",
        ours=True,
    )
    log: LogConfig = field(alias="log", help="Logging.", factory=LogConfig)
    transport: ServerTransport = field(
        alias="transport", help="Connections between the server and its clients.", factory=ServerTransport
    )
    detailed_errors_to_client: Bool = field(
        True,
        alias="detailedErrorsToClient",
        help="Send clients the reason of a failure, not only that there was one.",
    )
    max_ports_per_client: Int64 = field(
        0,
        alias="maxPortsPerClient",
        help="Most remote ports one client may use; 0 is no limit.",
        flag="max-ports-per-client",
    )
    user_conn_timeout: Int64 = field(
        10, alias="userConnTimeout", help="Seconds a user connection waits for a work connection."
    )
    udp_packet_size: Int64 = field(
        1500, alias="udpPacketSize", help="Bytes of the largest UDP packet; the client must have the same."
    )
    nathole_analysis_data_reserve_hours: Int64 = field(
        168,
        alias="natholeAnalysisDataReserveHours",
        help="Hours that the results of earlier hole punching are kept.",
    )
    allow_ports: Annotated[tuple[PortsRange, ...], Want("[]types.PortsRange")] = field(
        (), alias="allowPorts", help="Remote ports clients may ask for; empty allows all.", flag="allow-ports"
    )
    http_plugins: Annotated[tuple[HttpPluginConfig, ...], Want("[]v1.HTTPPluginOptions")] = field(
        (), alias="httpPlugins", help="HTTP services that decide about clients and proxies."
    )

    def complete(self) -> None:
        """Set ``proxyBindAddr`` to ``bindAddr`` when it is empty."""
        self.fill("proxy_bind_addr", self.proxy_bind_addr or self.bind_addr)
