"""The rules a complete configuration must keep, in the reference's order and words
(docs/protocol/configuration.md §2).

The common part is checked whole; if it is good, all proxies and visitors are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from ipaddress import ip_network
from pathlib import Path as FilePath
from urllib.parse import urlsplit

from aiofrp import registry
from aiofrp.config.load import hints
from aiofrp.config.load.valuesource import TOKEN_SOURCE_EXEC, source_problem
from aiofrp.config.models.annotations import annotation_problems
from aiofrp.config.models.client import (
    WIRE_PROTOCOLS,
    AuthOidcClientConfig,
    ClientCommonConfig,
    ClientConfig,
    ClientTransport,
)
from aiofrp.config.models.model import Declared, Model, declared
from aiofrp.config.models.proxy import (
    BANDWIDTH_MODES,
    DomainConfig,
    PluginConfig,
    ProxyConfig,
    VisitorConfig,
)
from aiofrp.config.models.server import HTTP_PLUGIN_OPS, ServerConfig
from aiofrp.config.models.shared import (
    AUTH_METHODS,
    AUTH_SCOPES,
    LOG_LEVELS,
    AuthBase,
    ValueSource,
    WebServerConfig,
)
from aiofrp.config.near import nearest
from aiofrp.config.problem import Path, Problem

VIRTUAL_NET = "VirtualNet"
FEATURE_GATES = (VIRTUAL_NET,)

Problems = Iterator[Problem]


def server_problems(config: ServerConfig, allow_unsafe: Collection[str] = ()) -> Problems:
    """Everything wrong with the configuration of frps."""
    yield from _auth(config.auth, allow_unsafe)
    yield from _log_level(config.log.level)
    yield from _web_server(config.web_server)
    yield from _port(config.bind_port, "bindPort")
    yield from _port(config.kcp_bind_port, "kcpBindPort")
    yield from _port(config.quic_bind_port, "quicBindPort")
    yield from _port(config.vhost_http_port, "vhostHTTPPort")
    yield from _port(config.vhost_https_port, "vhostHTTPSPort")
    yield from _port(config.tcpmux_http_connect_port, "tcpMuxHTTPConnectPort")
    yield from _networks(config.vhost_trusted_addresses, "vhostTrustedAddresses")
    for index, plugin in enumerate(config.http_plugins):
        path = ("httpPlugins", index, "ops")
        yield from _subset(plugin.ops, HTTP_PLUGIN_OPS, path, "invalid http plugin ops, optional values are")


def _networks(texts: Iterable[str], key: str) -> Problems:
    for index, text in enumerate(texts):
        try:
            ip_network(text, strict=False)
        except ValueError:
            yield Problem(f"{key}: {text!r} is no IP address and no network such as 10.0.0.0/8", (key, index))


def client_problems(config: ClientConfig, allow_unsafe: Collection[str] = ()) -> Problems:
    """Everything wrong with the configuration of frpc; its proxies only if the common part is good."""
    common = list(common_problems(config, allow_unsafe))
    yield from common
    if not common:
        for index, proxy in enumerate(config.proxies):
            yield from _named(f"proxy {proxy.name}: ", ("proxies", index), proxy_problems(proxy))
        for index, visitor in enumerate(config.visitors):
            yield from _named(f"visitor {visitor.name}: ", ("visitors", index), visitor_problems(visitor))


def gate_problems(config: ClientCommonConfig) -> Problems:
    """Feature gates that do not exist; checked when frpc starts, not by ``verify``."""
    for name in config.feature_gates:
        if name not in FEATURE_GATES:
            hint = hints.choice(name, FEATURE_GATES)
            yield Problem(f"unrecognized feature gate: {name}", ("featureGates", name), hint)


# The common part


def common_problems(config: ClientCommonConfig, allow_unsafe: Collection[str] = ()) -> Problems:
    """Everything wrong with the configuration of frpc besides its proxies and visitors."""
    if config.virtual_net.address and not config.feature_gates.get(VIRTUAL_NET):
        text = "VirtualNet feature is not enabled; enable it by setting the appropriate feature gate flag"
        yield Problem(text, ("virtualNet", "address"), "set VirtualNet to true in featureGates")
    yield from _auth(config.auth, allow_unsafe)
    yield from _oidc_source(config.auth.oidc, allow_unsafe)
    if config.auth.method == "oidc" and config.auth.oidc.token_source is None:
        texts = list(_oidc_texts(config.auth.oidc))
        if texts:
            yield Problem("; ".join(texts), ("auth", "oidc"))
    yield from _log_level(config.log.level)
    yield from _web_server(config.web_server)
    yield from _transport(config.transport)
    yield from _includes(config.includes)
    yield from _server_addr(config.server_addr)


def _server_addr(address: str) -> Problems:
    """What can be no host name and no IP address: every connection to it would fail."""
    host = address.partition("://")[2].partition("/")[0] if "://" in address else address.partition("/")[0]
    name, colon, port = host.rpartition(":")
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        colon = port = port.removeprefix(":")
    elif not colon or ":" in name or not port.isdigit():
        name, colon = host, ""
    if name == address or not name:
        return
    hint = f'write serverAddr = "{name}"' + (f" and serverPort = {port}" if colon else "")
    yield Problem(f"serverAddr: {address} is no host name and no IP address", ("serverAddr",), hint)


def _auth(auth: AuthBase, allow_unsafe: Collection[str]) -> Problems:
    yield from _one_of(
        auth.method, AUTH_METHODS, ("auth", "method"), "invalid auth method, optional values are"
    )
    begin = "invalid auth additional scopes, optional values are"
    yield from _subset(auth.additional_scopes, AUTH_SCOPES, ("auth", "additionalScopes"), begin)
    if auth.token_source is not None:
        if auth.token:
            yield Problem("cannot specify both auth.token and auth.tokenSource", ("auth", "tokenSource"))
        yield from _source(auth.token_source, ("auth", "tokenSource"), allow_unsafe)


def _source(source: ValueSource, path: Path, allow_unsafe: Collection[str]) -> Problems:
    if source.type == "exec" and TOKEN_SOURCE_EXEC not in allow_unsafe:
        text = (
            f'unsafe feature "{TOKEN_SOURCE_EXEC}" is not enabled. To enable it, ensure it is allowed in the'
            " configuration or command line flags"
        )
        yield Problem(text, (*path, "type"), f"start with --allow-unsafe {TOKEN_SOURCE_EXEC}")
    text = source_problem(source)
    if text:
        yield Problem(f"invalid {'.'.join(map(str, path))}: {text}", path)


def _oidc_source(oidc: AuthOidcClientConfig, allow_unsafe: Collection[str]) -> Problems:
    if oidc.token_source is None:
        return
    path = ("auth", "oidc", "tokenSource")
    if any(getattr(oidc, name) for name in declared(type(oidc)) if name != "token_source"):
        yield Problem("cannot specify both auth.oidc.tokenSource and any other field of auth.oidc", path)
    yield from _source(oidc.token_source, path, allow_unsafe)


def _oidc_texts(oidc: AuthOidcClientConfig) -> Iterator[str]:
    if not oidc.client_id:
        yield "auth.oidc.clientID is required"
    if not oidc.token_endpoint_url:
        yield "auth.oidc.tokenEndpointURL is required"
    else:
        yield from _endpoint_texts(oidc.token_endpoint_url)
    if "scope" in oidc.additional_endpoint_params:
        yield "auth.oidc.additionalEndpointParams.scope is not allowed; use auth.oidc.scope instead"
    if oidc.audience and "audience" in oidc.additional_endpoint_params:
        yield "cannot specify both auth.oidc.audience and auth.oidc.additionalEndpointParams.audience"


def _endpoint_texts(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        good = bool(parts.scheme and parts.netloc) and (parts.port is None or parts.port >= 0)
    except ValueError:
        good = False
    if not good or not url.isprintable() or " " in parts.netloc:
        yield "auth.oidc.tokenEndpointURL must be an absolute http or https URL"
    elif parts.scheme not in ("http", "https"):
        yield "auth.oidc.tokenEndpointURL must use http or https"


def _log_level(level: str) -> Problems:
    yield from _one_of(level, LOG_LEVELS, ("log", "level"), "invalid log level, optional values are")


def _web_server(config: WebServerConfig) -> Problems:
    if config.tls is not None:
        for key, value in (("certFile", config.tls.cert_file), ("keyFile", config.tls.key_file)):
            if not value:
                yield Problem(f"tls.{key} must be specified when tls is enabled", ("webServer", "tls", key))
                return
    yield from _port(config.port, "webServer.port")


def _transport(config: ClientTransport) -> Problems:
    if 0 < config.heartbeat_timeout < config.heartbeat_interval:
        text = "invalid transport.heartbeatTimeout, heartbeat timeout should not less than heartbeat interval"
        hint = f"write {config.heartbeat_interval} seconds or more"
        yield Problem(text, ("transport", "heartbeatTimeout"), hint)
    path = ("transport", "protocol")
    yield from _one_of(
        config.protocol, tuple(registry.TRANSPORTS), path, "invalid transport.protocol, optional values are"
    )
    path = ("transport", "wireProtocol")
    begin = "invalid transport.wireProtocol, optional values are"
    yield from _one_of(config.wire_protocol, WIRE_PROTOCOLS, path, begin)


def _includes(patterns: Iterable[str]) -> Problems:
    for index, pattern in enumerate(patterns):
        if not FilePath(pattern).parent.exists():
            yield Problem(f"include: directory of {pattern} not exist", ("includes", index))


# Proxies and visitors


def proxy_problems(proxy: ProxyConfig) -> Problems:
    """Everything wrong with the values of one proxy, one problem after the other."""
    if not proxy.name:
        yield Problem("name should not be empty", ("name",))
    for key, text in annotation_problems(proxy.annotations):
        yield Problem(text, ("annotations", key) if key else ("annotations",))
    yield from _proxy_transport(proxy)
    if proxy.plugin is None:
        for problem in _port(proxy.local_port, "localPort"):
            yield Problem(f"localPort: {problem.message}", ("localPort",))
    yield from _health_check(proxy)
    if proxy.plugin is not None:
        yield from _plugin(proxy.plugin)
    if isinstance(proxy, DomainConfig):
        yield from _domain(proxy)


def _proxy_transport(proxy: ProxyConfig) -> Problems:
    version, mode = proxy.transport.proxy_protocol_version, proxy.transport.bandwidth_limit_mode
    if version not in ("", "v1", "v2"):
        path = ("transport", "proxyProtocolVersion")
        yield Problem(f"not support proxy protocol version: {version}", path, "write v1 or v2")
    if mode not in BANDWIDTH_MODES:
        path = ("transport", "bandwidthLimitMode")
        text = "bandwidth limit mode should be client or server"
        yield Problem(text, path, hints.maybe(nearest(mode, BANDWIDTH_MODES)))


def _health_check(proxy: ProxyConfig) -> Problems:
    check = proxy.health_check
    if check.type not in ("", "tcp", "http"):
        yield Problem(
            f"not support health check type: {check.type}", ("healthCheck", "type"), "write tcp or http"
        )
    if check.type == "http" and not check.path:
        yield Problem("health check path should not be empty", ("healthCheck", "path"))


def _plugin(plugin: PluginConfig) -> Problems:
    for name in plugin.required:
        if not getattr(plugin, name):
            key = declared(type(plugin))[name].alias
            yield Problem(f"plugin {plugin.type}: {key} is required", ("plugin", key))


def _domain(proxy: DomainConfig) -> Problems:
    if not proxy.subdomain and not proxy.custom_domains:
        hint = "name a domain in customDomains, or a subdomain"
        yield Problem("subdomain and custom domains should not be both empty", ("customDomains",), hint)
    for item in _chosen(proxy):
        text = getattr(proxy, item.name)
        if text not in item.choices:
            yield Problem(f"not support {item.alias}: {text}", (item.alias,), f"write {item.choices[0]}")


def _chosen(model: Model) -> Iterator[Declared]:
    return (item for item in declared(type(model)).values() if item.choices)


def visitor_problems(visitor: VisitorConfig) -> Problems:
    """Everything wrong with the values of one visitor, one problem after the other."""
    if not visitor.name:
        yield Problem("name is required", ("name",))
    if not visitor.server_name:
        yield Problem("server name is required", ("serverName",))
    if not visitor.bind_port:
        yield Problem("bind port is required", ("bindPort",), "write -1 to listen on no port")
    for item in _chosen(visitor):
        if getattr(visitor, item.name) not in item.choices:
            known = " or ".join(sorted(item.choices))
            yield Problem(f"{item.alias} should be {known}", (item.alias,))


# Small rules


def _named(begin: str, path: Path, problems: Problems) -> Problems:
    for problem in problems:
        yield Problem(begin + problem.message, path + problem.path, problem.hint)


def _port(port: int, key: str) -> Problems:
    if not 0 <= port <= 65535:
        path = tuple("tcpmuxHTTPConnectPort" if key.startswith("tcpMux") else part for part in key.split("."))
        yield Problem(f"{key}: port number {port} must be in the range 0..65535", path)


def _one_of(text: str, known: tuple[str, ...], path: Path, begin: str) -> Problems:
    if text not in known:
        yield Problem(f"{begin} [{' '.join(known)}]", path, hints.maybe(nearest(text, known)))


def _subset(texts: Iterable[str], known: tuple[str, ...], path: Path, begin: str) -> Problems:
    wrong = [text for text in texts if text not in known]
    if wrong:
        yield Problem(f"{begin} [{' '.join(known)}]", path, hints.choice(wrong[0], known))


def duplicate_problems(kind: str, named: Iterable[ProxyConfig | VisitorConfig]) -> Problems:
    """Names that occur twice; ``kind`` is ``proxy`` or ``visitor``."""
    seen: set[str] = set()
    reported: set[str] = set()
    for index, item in enumerate(named):
        if item.name in seen and item.name not in reported:
            reported.add(item.name)
            path = ("proxies" if kind == "proxy" else "visitors", index, "name")
            yield Problem(f"{kind} name [{item.name}] is duplicated", path)
        seen.add(item.name)
