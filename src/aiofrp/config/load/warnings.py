"""What is no mistake in a configuration, and yet not what somebody wants: texts that are shown after ``WARNING:``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.proxy import MAX_ROUTES, DomainConfig
from aiofrp.config.models.server import ServerConfig

#: What makes an entry of ``includes`` a pattern, which may name no file.
_MAGIC = re.compile(r"[*?\[\\]")
#: Bytes of a datagram that every message of either wire protocol has place for; what knows more is slow to load.
FITS_ALWAYS = 4096


def client_warnings(config: ClientConfig) -> list[str]:
    """What is of no effect in the configuration of frpc, or more than the server takes."""
    tls = config.transport.tls
    missing = [
        pattern for pattern in config.includes if not _MAGIC.search(pattern) and not Path(pattern).exists()
    ]
    files = {"certFile": tls.cert_file, "keyFile": tls.key_file, "trustedCaFile": tls.trusted_ca_file}
    unused = "is invalid when transport.tls.enable is false"
    return [
        *(f"includes: there is no file {pattern}" for pattern in missing),
        *(
            []
            if 0 < config.server_port < 65536
            else [f"serverPort: {config.server_port} is no port from 1 to 65535"]
        ),
        *(f"transport.tls.{name} {unused}" for name, path in files.items() if path and not tls.enable),
        *(
            f"proxy {proxy.name}: {proxy.routes} routes (domains times locations); aiofrp's frps refuses more"
            f" than {MAX_ROUTES} for one proxy"
            for proxy in config.proxies
            if isinstance(proxy, DomainConfig) and proxy.routes > MAX_ROUTES
        ),
        *_datagrams(config),
    ]


def server_warnings(config: ServerConfig) -> list[str]:
    """What of the configuration of frps clients of frp cannot use."""
    return _server_datagrams(config)


def open_to_all(config: ServerConfig) -> Iterator[str]:
    """The warning about a server that takes every client."""
    auth, guarded = config.auth, any("Login" in plugin.ops for plugin in config.http_plugins)
    if auth.method != "token" or auth.token or auth.token_source is not None or guarded:
        return
    if not only_here(config.bind_addr):
        yield (
            f"auth.token is empty and frps listens on {config.bind_addr or '0.0.0.0'}: whoever reaches the port can"
            " publish services here. Write a long random auth.token into the files of frps and frpc, or set"
            ' bindAddr = "127.0.0.1"'
        )


def only_here(host: str) -> bool:
    """Whether only this machine reaches what listens on ``host``."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _server_datagrams(config: ServerConfig) -> list[str]:
    if config.udp_packet_size <= FITS_ALWAYS:
        return []
    from aiofrp.wire.frp.codec import V1
    from aiofrp.wire.frp.codec2 import V2
    from aiofrp.wire.frp.udppacket import longest_datagram

    limit = longest_datagram(V1, 0)
    if config.udp_packet_size <= limit:
        return []
    return [
        f"udpPacketSize = {config.udp_packet_size}: clients of frp take datagrams of at most {limit} bytes in wire"
        f' protocol v1; with transport.wireProtocol = "v2" in their files {longest_datagram(V2, 0)}'
    ]


def _datagrams(config: ClientConfig) -> Iterator[str]:
    if config.udp_packet_size <= FITS_ALWAYS:
        return
    from aiofrp.wire.frp.codec import V1
    from aiofrp.wire.frp.codec2 import V2
    from aiofrp.wire.frp.udppacket import MAX_DATAGRAM, longest_datagram

    codec = V2 if config.transport.wire_protocol == "v2" else V1
    limit, size = longest_datagram(codec, 0), min(config.udp_packet_size, MAX_DATAGRAM)
    kinds = {proxy.type for proxy in config.proxies} | {visitor.type for visitor in config.visitors}
    if size > limit and kinds & {"udp", "sudp"}:
        more = f'; with transport.wireProtocol = "v2" {longest_datagram(V2, 0)}' if codec is V1 else ""
        yield (
            f"udpPacketSize = {config.udp_packet_size}: frp's frps takes datagrams of at most {limit} bytes in wire"
            f" protocol {codec.name}{more}"
        )
