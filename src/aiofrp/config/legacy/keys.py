"""The keys of INI files and the fields of the new format they set
(docs/protocol/configuration.md §3.2–3.4). Data only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from aiofrp.config.legacy.reader import Key, KeyKind


def _table(texts: str = "", numbers: str = "", flags: str = "", lists: str = "") -> Mapping[str, Key]:
    """A table of keys by kind, each written ``key>path``."""
    table: dict[str, Key] = {}
    for words, kind in (
        (texts, KeyKind.TEXT),
        (numbers, KeyKind.NUMBER),
        (flags, KeyKind.FLAG),
        (lists, KeyKind.LIST),
    ):
        for word in words.split():
            key, _, path = word.partition(">")
            table[key] = Key(path, kind)
    return MappingProxyType(table)


COMMON: Final = _table(
    texts="log_file>log.to log_level>log.level token>auth.token authentication_method>auth.method "
    "tls_cert_file>transport.tls.certFile tls_key_file>transport.tls.keyFile "
    "tls_trusted_ca_file>transport.tls.trustedCaFile assets_dir>webServer.assetsDir oidc_audience>auth.oidc.audience",
    numbers="log_max_days>log.maxDays tcp_mux_keepalive_interval>transport.tcpMuxKeepaliveInterval "
    "quic_keepalive_period>transport.quic.keepalivePeriod quic_max_idle_timeout>transport.quic.maxIdleTimeout "
    "quic_max_incoming_streams>transport.quic.maxIncomingStreams heartbeat_timeout>transport.heartbeatTimeout "
    "udp_packet_size>udpPacketSize",
    flags="disable_log_color>log.disablePrintColor tcp_mux>transport.tcpMux",
)
"""Keys of [common] that both programs have."""

SERVER: Final = _table(
    texts="bind_addr>bindAddr proxy_bind_addr>proxyBindAddr dashboard_addr>webServer.addr "
    "dashboard_user>webServer.user dashboard_pwd>webServer.password subdomain_host>subDomainHost "
    "custom_404_page>custom404Page oidc_issuer>auth.oidc.issuer",
    numbers="bind_port>bindPort kcp_bind_port>kcpBindPort quic_bind_port>quicBindPort vhost_http_port>vhostHTTPPort "
    "vhost_https_port>vhostHTTPSPort vhost_http_timeout>vhostHTTPTimeout "
    "tcpmux_httpconnect_port>tcpmuxHTTPConnectPort dashboard_port>webServer.port tcp_keepalive>transport.tcpKeepalive "
    "max_pool_count>transport.maxPoolCount user_conn_timeout>userConnTimeout "
    "max_ports_per_client>maxPortsPerClient nat_hole_analysis_data_reserve_hours>natholeAnalysisDataReserveHours",
    flags="tcpmux_passthrough>tcpmuxPassthrough enable_prometheus>enablePrometheus tls_only>transport.tls.force "
    "detailed_errors_to_client>detailedErrorsToClient oidc_skip_expiry_check>auth.oidc.skipExpiryCheck "
    "oidc_skip_issuer_check>auth.oidc.skipIssuerCheck",
)
"""Further keys of [common] in frps.ini."""

SERVER_APART: Final = frozenset(
    {
        "allow_ports",
        "authenticate_heartbeats",
        "authenticate_new_work_conns",
        "authentication_timeout",
        "dashboard_tls_cert_file",
        "dashboard_tls_key_file",
        "dashboard_tls_mode",
        "pprof_enable",
    }
)
"""Keys of [common] in frps.ini that are read apart."""

SERVER_PLUGIN: Final = _table(texts="addr>addr path>path", flags="tlsVerify>tlsVerify", lists="ops>ops")
"""Keys of a section [plugin.NAME] in frps.ini."""

CLIENT: Final = _table(
    texts="server_addr>serverAddr nat_hole_stun_server>natHoleStunServer dns_server>dnsServer user>user "
    "connect_server_local_ip>transport.connectServerLocalIP http_proxy>transport.proxyURL protocol>transport.protocol "
    "tls_server_name>transport.tls.serverName admin_addr>webServer.addr admin_user>webServer.user "
    "admin_pwd>webServer.password oidc_client_id>auth.oidc.clientID oidc_client_secret>auth.oidc.clientSecret "
    "oidc_scope>auth.oidc.scope oidc_token_endpoint_url>auth.oidc.tokenEndpointURL",
    numbers="server_port>serverPort dial_server_timeout>transport.dialServerTimeout "
    "dial_server_keepalive>transport.dialServerKeepalive pool_count>transport.poolCount "
    "heartbeat_interval>transport.heartbeatInterval admin_port>webServer.port",
    flags="login_fail_exit>loginFailExit tls_enable>transport.tls.enable pprof_enable>webServer.pprofEnable "
    "disable_custom_tls_first_byte>transport.tls.disableCustomTLSFirstByte",
    lists="start>start includes>includes",
)
"""Further keys of [common] in frpc.ini."""

CLIENT_APART: Final = frozenset({"authenticate_heartbeats", "authenticate_new_work_conns"})
"""Keys of [common] in frpc.ini that are read apart."""

PROXY: Final = _table(
    texts="local_ip>localIP bandwidth_limit_mode>transport.bandwidthLimitMode group>loadBalancer.group "
    "group_key>loadBalancer.groupKey proxy_protocol_version>transport.proxyProtocolVersion "
    "health_check_type>healthCheck.type health_check_url>healthCheck.path",
    numbers="local_port>localPort health_check_timeout_s>healthCheck.timeoutSeconds "
    "health_check_max_failed>healthCheck.maxFailed health_check_interval_s>healthCheck.intervalSeconds",
    flags="use_encryption>transport.useEncryption use_compression>transport.useCompression",
)
"""Keys of every proxy."""

PROXY_APART: Final = frozenset({"type", "role", "plugin", "bandwidth_limit"})
"""Keys of every proxy that are read apart."""

_REMOTE: Final = _table(numbers="remote_port>remotePort")
_DOMAINS: Final = _table(texts="subdomain>subdomain", lists="custom_domains>customDomains")
_BASIC_AUTH: Final = _table(
    texts="http_user>httpUser http_passwd>httpPassword http_pwd>httpPassword route_by_http_user>routeByHTTPUser"
)
"""``http_passwd`` is what older documents call ``http_pwd``; the newer name comes later and wins."""
_SECRET: Final = _table(texts="sk>secretKey", lists="allow_users>allowUsers")

PROXIES: Final[Mapping[str, Mapping[str, Key]]] = {
    "tcp": _REMOTE,
    "udp": _REMOTE,
    "http": {
        **_DOMAINS,
        **_BASIC_AUTH,
        **_table(texts="host_header_rewrite>hostHeaderRewrite", lists="locations>locations"),
    },
    "https": _DOMAINS,
    "tcpmux": {**_DOMAINS, **_BASIC_AUTH, **_table(texts="multiplexer>multiplexer")},
    "stcp": _SECRET,
    "sudp": _SECRET,
    "xtcp": _SECRET,
}
"""Further keys by type of proxy."""

VISITOR: Final = _table(
    texts="sk>secretKey server_user>serverUser server_name>serverName bind_addr>bindAddr",
    numbers="bind_port>bindPort",
    flags="use_encryption>transport.useEncryption use_compression>transport.useCompression",
)
"""Keys of every visitor."""

VISITORS: Final[Mapping[str, Mapping[str, Key]]] = {
    "stcp": _table(),
    "sudp": _table(),
    "xtcp": _table(
        texts="protocol>protocol fallback_to>fallbackTo",
        numbers="max_retries_an_hour>maxRetriesAnHour min_retry_interval>minRetryInterval "
        "fallback_timeout_ms>fallbackTimeoutMs",
        flags="keep_tunnel_open>keepTunnelOpen",
    ),
}
"""Further keys by type of visitor."""

_LOCAL: Final = "plugin_local_addr>localAddr plugin_host_header_rewrite>hostHeaderRewrite"
_CERTIFICATE: Final = "plugin_crt_path>crtPath plugin_key_path>keyPath"
_USER: Final = "plugin_http_user>httpUser plugin_http_passwd>httpPassword"

PLUGINS: Final[Mapping[str, Mapping[str, Key]]] = {
    "http_proxy": _table(_USER),
    "socks5": _table("plugin_user>username plugin_passwd>password"),
    "static_file": _table(f"plugin_local_path>localPath plugin_strip_prefix>stripPrefix {_USER}"),
    "unix_domain_socket": _table("plugin_unix_path>unixPath"),
    "http2https": _table(_LOCAL),
    "https2http": _table(f"{_LOCAL} {_CERTIFICATE}"),
    "https2https": _table(f"{_LOCAL} {_CERTIFICATE}"),
}
"""Parameters by client plugin."""

HEADER_PLUGINS: Final = frozenset({"http2https", "https2http", "https2https"})
"""Plugins that take ``plugin_header_…``."""

NEWER_PLUGINS: Final = frozenset({"tls2raw", "http2http", "virtual_net"})
"""Plugins that the INI format does not have; the reference crashes when a file names one
(docs/protocol/configuration.md §3.4)."""

HINTS: Final[Mapping[str, str]] = {
    "auth_token": "is no longer known and has no effect; use token",
    "privilege_token": "is no longer known and has no effect; use token",
    "privilege_mode": "is no longer known and has no effect; every proxy is set by its client",
    "privilege_allow_ports": "is no longer known and has no effect; use allow_ports in frps's file",
    "bind_udp_port": "is no longer needed and has no effect",
    "log_way": "has no effect; log_file alone says where to",
    "max_pool": "is no longer known and has no effect; use max_pool_count in frps's file",
    "listen_port": "is no longer known and has no effect; use remote_port in frpc's file",
    "authentication_timeout": "has no effect on a client; it belongs to frps",
    "http_passwd": "has no effect here; it belongs to a proxy of type http or tcpmux",
}
"""What became of keys that older documents describe."""
