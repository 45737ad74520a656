"""How frpc reaches its server: what the transports need to know of the configuration."""

from __future__ import annotations

from aiofrp.config.models.client import ClientConfig
from aiofrp.transport.base import DialOptions, transport_of
from aiofrp.transport.tls.fresh import client_tls


def dial_options(config: ClientConfig) -> DialOptions:
    """How to reach the configured server. Raises :class:`~aiofrp.errors.ConfigError` for unusable TLS files."""
    transport = config.transport
    tls = transport.tls
    always_tls = transport_of(transport.protocol).always_tls
    return DialOptions(
        host=config.server_addr,
        port=config.server_port,
        timeout=transport.dial_server_timeout,
        keepalive=transport.dial_server_keepalive,
        local_ip=transport.connect_server_local_ip,
        proxy_url=transport.proxy_url,
        tls=client_tls(tls).context if tls.enable or always_tls else None,
        tls_name=tls.server_name or config.server_addr,
        tls_lead_byte=not tls.disable_custom_tls_first_byte,
        tls_files=tls if tls.enable else None,
        mux=transport.tcp_mux,
        mux_keepalive=transport.tcp_mux_keepalive_interval,
        quic=transport.quic,
    )


def shares_carrier(config: ClientConfig) -> bool:
    """Whether all logical connections of a session go over one carrier."""
    return config.transport.tcp_mux or transport_of(config.transport.protocol).one_carrier


def go_arch(machine: str) -> str:
    """The name Go has for a machine type, as the reference sends it (docs/protocol/client.md §1.2)."""
    names = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64", "i686": "386"}
    return names.get(machine.lower(), machine.lower())
