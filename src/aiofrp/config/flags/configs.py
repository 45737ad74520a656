"""Configurations made of flags alone (docs/protocol/configuration.md §4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiofrp import registry
from aiofrp.config.flags.parse import Flag, Invocation
from aiofrp.config.flags.table import CONNECTION, PROXY, SERVER, VISITOR
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.proxy import ProxyConfig, ProxyKind, VisitorConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.wire.jsontext import SURROGATES

#: Names that the server gets: what is no text in them becomes U+FFFD, as in Go, so that both sides know the same name.
_NAMES = ("user", "name", "server_name", "server_user")


def server_config(invocation: Invocation) -> ServerConfig:
    """The configuration of ``frps`` without a file."""
    tree = tree_of(SERVER, invocation)
    tree["allow_ports"] = [_ports(*pair) for pair in tree.get("allow_ports", ())]
    if not invocation.value("dashboard-tls-mode"):
        del tree["web_server"]["tls"]
    return ServerConfig(**tree)


def server_warnings(invocation: Invocation) -> list[str]:
    """Flags that have no effect as they were given."""
    files = [name for name in ("dashboard-tls-cert-file", "dashboard-tls-key-file") if invocation.value(name)]
    if invocation.value("dashboard-tls-mode"):
        return []
    return [f"--{name} has no effect without --dashboard-tls-mode" for name in files]


def client_config(
    invocation: Invocation, *, proxy: ProxyConfig | None = None, visitor: VisitorConfig | None = None
) -> ClientConfig:
    """The configuration of ``frpc`` with one proxy or visitor and without a file."""
    tree = tree_of(CONNECTION, invocation)
    tree["proxies"] = () if proxy is None else (proxy,)
    tree["visitors"] = () if visitor is None else (visitor,)
    return ClientConfig(**tree)


def proxy_config(invocation: Invocation) -> ProxyConfig:
    """The proxy that the flags of ``frpc tcp``, ``frpc http`` … describe."""
    kind = invocation.command.name
    return registry.load(registry.PROXIES[kind], ProxyKind).Config(**tree_of(PROXY[kind], invocation))


def proxy_warnings(proxy: ProxyConfig) -> list[str]:
    """Settings with which every user would fail."""
    if proxy.local_port:
        return []
    return [f"no --local-port: users of this proxy are sent to {proxy.local_ip}:0, where nobody listens"]


def visitor_config(invocation: Invocation) -> VisitorConfig:
    """The visitor of ``frpc stcp visitor`` and the like."""
    kind = invocation.path[-2].name
    model = registry.load(registry.PROXIES[kind], ProxyKind).VisitorConfig
    assert model is not None, f"{kind} has no visitors"
    return model(**tree_of(VISITOR[kind], invocation))


def tree_of(flags: Iterable[Flag], invocation: Invocation) -> dict[str, Any]:
    """The fields that ``flags`` set, by attribute, nested as the models are."""
    tree: dict[str, Any] = {}
    for flag in flags:
        *above, name = flag.path.split(".")
        table = tree
        for part in above:
            table = table.setdefault(part, {})
        value = invocation.value(flag.name)
        if value is not None:
            table[name] = SURROGATES.sub("\ufffd", value) if flag.path in _NAMES else value
    return tree


def _ports(first: int, last: int) -> dict[str, int]:
    return {"single": first} if first == last else {"start": first, "end": last}
