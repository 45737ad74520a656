"""The flags that set fields of a configuration, as the models declare them.

Made by ``scripts/flagtable``: a program shows its help from this table without loading the models.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from aiofrp.config.flags.parse import Flag

SERVER = (
    Flag(
        "token",
        "string",
        "Secret shared by server and clients; also the key of useEncryption.",
        short="t",
        default="",
        path="auth.token",
    ),
    Flag(
        "bind-addr",
        "string",
        "Address the server listens on for clients.",
        default="0.0.0.0",
        path="bind_addr",
    ),
    Flag("bind-port", "int", "TCP port for clients.", short="p", default=7000, path="bind_port"),
    Flag(
        "kcp-bind-port",
        "int",
        "UDP port for clients over KCP; 0 turns it off.",
        default=0,
        path="kcp_bind_port",
    ),
    Flag(
        "quic-bind-port",
        "int",
        "UDP port for clients over QUIC; 0 turns it off.",
        default=0,
        path="quic_bind_port",
    ),
    Flag(
        "proxy-bind-addr",
        "string",
        "Address of the proxies' listeners; that of bindAddr when empty.",
        default="0.0.0.0",
        path="proxy_bind_addr",
    ),
    Flag(
        "vhost-http-port",
        "int",
        "TCP port shared by all http proxies; 0 turns them off.",
        default=0,
        path="vhost_http_port",
    ),
    Flag(
        "vhost-http-timeout",
        "int",
        "Seconds to wait for the response head of an http proxy's service.",
        default=60,
        path="vhost_http_timeout",
    ),
    Flag(
        "vhost-https-port",
        "int",
        "TCP port shared by all https proxies; 0 turns them off.",
        default=0,
        path="vhost_https_port",
    ),
    Flag(
        "subdomain-host",
        "string",
        "Domain below which proxies may ask for a subdomain.",
        default="",
        path="sub_domain_host",
    ),
    Flag(
        "dashboard-addr",
        "string",
        "Address the web server listens on.",
        default="0.0.0.0",
        path="web_server.addr",
    ),
    Flag(
        "dashboard-port",
        "int",
        "TCP port of the web server; 0 turns it off.",
        default=0,
        path="web_server.port",
    ),
    Flag(
        "dashboard-user",
        "string",
        "User name for HTTP basic authentication.",
        default="admin",
        path="web_server.user",
    ),
    Flag(
        "dashboard-pwd",
        "string",
        "Password for HTTP basic authentication; with an empty user and password everybody has access.",
        default="admin",
        path="web_server.password",
    ),
    Flag(
        "dashboard-tls-cert-file",
        "string",
        "Path of the PEM certificate shown to the peer.",
        default="",
        path="web_server.tls.cert_file",
    ),
    Flag(
        "dashboard-tls-key-file",
        "string",
        "Path of the PEM key of certFile.",
        default="",
        path="web_server.tls.key_file",
    ),
    Flag(
        "enable-prometheus",
        "bool",
        "Offer /metrics on the dashboard's port.",
        default=False,
        path="enable_prometheus",
    ),
    Flag(
        "log-file",
        "string",
        "Path of the log file, or console for standard output.",
        default="console",
        path="log.to",
    ),
    Flag("log-level", "string", "Lowest level that is logged.", default="info", path="log.level"),
    Flag(
        "log-max-days",
        "int",
        "Days a rotated log file is kept; negative keeps it for ever.",
        default=3,
        path="log.max_days",
    ),
    Flag(
        "disable-log-color",
        "bool",
        "Log to the console without colours.",
        default=False,
        path="log.disable_print_color",
    ),
    Flag(
        "tls-only",
        "bool",
        "Refuse clients without TLS; always on with trustedCaFile.",
        default=False,
        path="transport.tls.force",
    ),
    Flag(
        "max-ports-per-client",
        "int",
        "Most remote ports one client may use; 0 is no limit.",
        default=0,
        path="max_ports_per_client",
    ),
    Flag("allow-ports", "ports", "Remote ports clients may ask for; empty allows all.", path="allow_ports"),
)
"""The configuration of frps."""

CONNECTION = (
    Flag(
        "token",
        "string",
        "Secret shared by server and clients; also the key of useEncryption.",
        short="t",
        default="",
        path="auth.token",
    ),
    Flag(
        "user",
        "string",
        "User of this client; its proxies are user.name on the server.",
        short="u",
        default="",
        path="user",
    ),
    Flag("client-id", "string", "Stable identity of this client.", default="", path="client_id"),
    Flag(
        "server-addr",
        "string",
        "Address or host name of the server.",
        short="s",
        default="127.0.0.1",
        path="server_addr",
    ),
    Flag("server-port", "int", "Port of the server.", short="P", default=7000, path="server_port"),
    Flag(
        "dns-server",
        "string",
        "DNS server used for all look-ups, as host or host:port; the system's if empty.",
        default="",
        path="dns_server",
    ),
    Flag(
        "log-file",
        "string",
        "Path of the log file, or console for standard output.",
        default="console",
        path="log.to",
    ),
    Flag("log-level", "string", "Lowest level that is logged.", default="info", path="log.level"),
    Flag(
        "log-max-days",
        "int",
        "Days a rotated log file is kept; negative keeps it for ever.",
        default=3,
        path="log.max_days",
    ),
    Flag(
        "disable-log-color",
        "bool",
        "Log to the console without colours.",
        default=False,
        path="log.disable_print_color",
    ),
    Flag(
        "protocol",
        "string",
        "What carries the connections to the server.",
        short="p",
        default="tcp",
        path="transport.protocol",
    ),
    Flag(
        "tls-server-name",
        "string",
        "Name the server's certificate must have.",
        default="",
        path="transport.tls.server_name",
    ),
    Flag("tls-enable", "bool", "Use TLS; wss and quic always do.", default=True, path="transport.tls.enable"),
)
"""How frpc reaches its server."""

_PROXY = (
    Flag(
        "proxy-name", "string", "Name of the proxy, unique in the file.", short="n", default="", path="name"
    ),
    Flag(
        "annotations",
        "map",
        "Notes shown on the server's dashboard; keys like site or example.org/site.",
        path="annotations",
    ),
    Flag(
        "ue",
        "bool",
        "Encrypt work connections with the token as key.",
        default=False,
        path="transport.use_encryption",
    ),
    Flag("uc", "bool", "Compress work connections.", default=False, path="transport.use_compression"),
    Flag(
        "bandwidth-limit",
        "bandwidth",
        "Bytes per second of the whole proxy, such as 500KB or 1MB (powers of 1024).",
        default="",
        path="transport.bandwidth_limit",
    ),
    Flag(
        "bandwidth-limit-mode",
        "string",
        "Program that applies the limit.",
        default="client",
        path="transport.bandwidth_limit_mode",
    ),
    Flag("metadatas", "map", "Data sent to the server's plugins.", path="metadatas"),
    Flag(
        "local-ip",
        "string",
        "Address or host name of the local service.",
        short="i",
        default="127.0.0.1",
        path="local_ip",
    ),
    Flag("local-port", "int", "Port of the local service.", short="l", default=0, path="local_port"),
)

PROXY: Final[Mapping[str, tuple[Flag, ...]]] = {
    "tcp": (
        *_PROXY,
        Flag(
            "remote-port",
            "int",
            "TCP port of the server; 0 lets the server choose.",
            short="r",
            default=0,
            path="remote_port",
        ),
    ),
    "udp": (
        *_PROXY,
        Flag(
            "remote-port",
            "int",
            "UDP port of the server; 0 lets the server choose.",
            short="r",
            default=0,
            path="remote_port",
        ),
    ),
    "http": (
        *_PROXY,
        Flag(
            "custom-domain",
            "strings",
            "Host names of the proxy; the first part may be *.",
            short="d",
            default=(),
            path="custom_domains",
        ),
        Flag(
            "sd",
            "string",
            "Subdomain of the server's subDomainHost for the proxy.",
            default="",
            path="subdomain",
        ),
        Flag(
            "locations",
            "strings",
            "Beginnings of the paths that the proxy serves; empty serves all.",
            default=(),
            path="locations",
        ),
        Flag("http-user", "string", "User name for HTTP basic authentication.", default="", path="http_user"),
        Flag(
            "http-pwd", "string", "Password for HTTP basic authentication.", default="", path="http_password"
        ),
        Flag(
            "host-header-rewrite",
            "string",
            "Host header the local service sees instead of the user's.",
            default="",
            path="host_header_rewrite",
        ),
    ),
    "https": (
        *_PROXY,
        Flag(
            "custom-domain",
            "strings",
            "Host names of the proxy; the first part may be *.",
            short="d",
            default=(),
            path="custom_domains",
        ),
        Flag(
            "sd",
            "string",
            "Subdomain of the server's subDomainHost for the proxy.",
            default="",
            path="subdomain",
        ),
    ),
    "tcpmux": (
        *_PROXY,
        Flag(
            "custom-domain",
            "strings",
            "Host names of the proxy; the first part may be *.",
            short="d",
            default=(),
            path="custom_domains",
        ),
        Flag(
            "sd",
            "string",
            "Subdomain of the server's subDomainHost for the proxy.",
            default="",
            path="subdomain",
        ),
        Flag("http-user", "string", "User name for proxy authentication.", default="", path="http_user"),
        Flag("http-pwd", "string", "Password for proxy authentication.", default="", path="http_password"),
        Flag(
            "mux",
            "string",
            "How users say which host they want; there is only httpconnect.",
            default="",
            path="multiplexer",
        ),
    ),
    "stcp": (
        *_PROXY,
        Flag("sk", "string", "Secret key visitors must show.", default="", path="secret_key"),
        Flag(
            "allow-users",
            "strings",
            "Users whose visitors may connect; empty allows the same user, * all.",
            default=(),
            path="allow_users",
        ),
    ),
    "xtcp": (
        *_PROXY,
        Flag("sk", "string", "Secret key visitors must show.", default="", path="secret_key"),
        Flag(
            "allow-users",
            "strings",
            "Users whose visitors may connect; empty allows the same user, * all.",
            default=(),
            path="allow_users",
        ),
    ),
    "sudp": (
        *_PROXY,
        Flag("sk", "string", "Secret key visitors must show.", default="", path="secret_key"),
        Flag(
            "allow-users",
            "strings",
            "Users whose visitors may connect; empty allows the same user, * all.",
            default=(),
            path="allow_users",
        ),
    ),
}
"""One proxy, by its type."""

_VISITOR = (
    Flag(
        "visitor-name",
        "string",
        "Name of the visitor, unique in the file.",
        short="n",
        default="",
        path="name",
    ),
    Flag(
        "ue",
        "bool",
        "Encrypt connections with secretKey as key.",
        default=False,
        path="transport.use_encryption",
    ),
    Flag("uc", "bool", "Compress connections.", default=False, path="transport.use_compression"),
    Flag("sk", "string", "Secret key of the proxy.", default="", path="secret_key"),
    Flag(
        "server-user", "string", "User of the proxy; empty is the same user.", default="", path="server_user"
    ),
    Flag("server-name", "string", "Name of the proxy to visit.", default="", path="server_name"),
    Flag(
        "bind-addr", "string", "Local address the visitor listens on.", default="127.0.0.1", path="bind_addr"
    ),
    Flag(
        "bind-port",
        "int",
        "Local port the visitor listens on; a negative port serves only other visitors (fallbackTo).",
        default=0,
        path="bind_port",
    ),
)

VISITOR: Final[Mapping[str, tuple[Flag, ...]]] = {
    "stcp": _VISITOR,
    "xtcp": _VISITOR,
    "sudp": _VISITOR,
}
"""One visitor, by its type."""
