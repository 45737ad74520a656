"""Rows about the local service of a proxy, which frpc reaches for each user.

Facts: ``where``, ``host`` and ``port`` of the service, ``container`` (``yes`` inside one), ``other`` (an address of
this machine on which the port is open, where that of the configuration refuses), ``tcp`` (``open`` where a udp proxy
leads to a port that is open for TCP).
"""

from __future__ import annotations

from typing import Final

from aiofrp.hints.entry import KnownFailure

#: What is logged of datagrams that a port refused.
_NO_UDP: Final = "no program listens on the local UDP port"

SERVICES: Final = (
    KnownFailure(
        "service-udp-is-tcp",
        cause="no program listens on UDP port {port} of {host}, but one listens on TCP port {port}",
        reasons=("the service uses TCP", "its UDP part is off or has another port"),
        step='Set type = "tcp" for the proxy, or let the service listen on UDP port {port}',
        key="proxies.type",
        prints=(_NO_UDP,),
        given={"tcp": "open"},
    ),
    KnownFailure(
        "service-udp-down-container",
        cause="no program listens on UDP port {port} of {host} in this container; the system answered with ICMP",
        reasons=(
            "the service does not run",
            "it runs outside the container, where 127.0.0.1 is another machine",
        ),
        step="Start the service, or correct localPort; for one outside this container set localIP to the name of its"
        " container, or to host.docker.internal",
        key="proxies.localIP",
        prints=(_NO_UDP,),
        given={"container": "yes", "loopback": "yes"},
    ),
    KnownFailure(
        "service-udp-down",
        cause="no program listens on UDP port {port} of {host}; the system answered with ICMP",
        reasons=(
            "the service does not run",
            "localPort or localIP is wrong",
            "it listens on another address",
        ),
        step="Start the service, or correct localIP and localPort of the proxy (`ss -ulnp` lists UDP ports)",
        key="proxies.localPort",
        prints=(_NO_UDP,),
    ),
    KnownFailure(
        "service-other-address",
        cause="the service does not listen on {where}, but on {other}",
        step='Set localIP = "{other_host}" in the proxy, or let the service listen on {host}',
        key="proxies.localIP",
        prints=("connection refused",),
        given={"listens": "elsewhere"},
    ),
    KnownFailure(
        "service-down-container",
        cause="nothing listens on {where} in this container",
        reasons=(
            "the service does not run",
            "it runs outside the container, where 127.0.0.1 is another machine",
        ),
        step="Start the service, or correct localPort; for one outside this container set localIP to the name of its"
        " container, or to host.docker.internal",
        key="proxies.localIP",
        prints=("connection refused",),
        given={"container": "yes", "loopback": "yes"},
    ),
    KnownFailure(
        "service-down",
        cause="nothing listens on {where}",
        reasons=("the service does not run", "localPort or localIP is wrong"),
        step="Start the service, or correct localIP and localPort of the proxy",
        key="proxies.localPort",
        prints=("connection refused",),
    ),
    KnownFailure(
        "service-slow",
        cause="{where} does not accept the connection in time",
        reasons=("the service or its machine hangs", "a firewall drops the connection", "localIP is wrong"),
        step="Check that the service answers on the machine of frpc: `nc -vz {host} {port}`",
        key="proxies.localIP",
        prints=("i/o timeout",),
    ),
    KnownFailure(
        "service-name",
        cause="the name {host} of the service has no address",
        step="Correct localIP of the proxy",
        key="proxies.localIP",
        prints=("no such host",),
    ),
    KnownFailure(
        "service-socket-missing",
        cause="there is no socket {path}",
        reasons=("the service does not run", "unixPath is wrong"),
        step="Start the service, or correct unixPath of the plugin",
        key="proxies.plugin.unixPath",
        prints=("dial unix {path}: connect: no such file or directory",),
    ),
    KnownFailure(
        "service-socket-forbidden",
        cause="frpc may not open the socket {path}",
        step="Run frpc as a user or group that may write to the socket",
        key="proxies.plugin.unixPath",
        prints=("dial unix {path}: connect: permission denied",),
    ),
    KnownFailure(
        "service-files",
        cause="frpc has no open files left for users",
        step="Raise the limit of open files: LimitNOFILE= in the unit of systemd, or `ulimit -n`",
        prints=("too many open files",),
    ),
    KnownFailure(
        "service-unreachable",
        cause="this machine has no route to {host}",
        step="Correct localIP of the proxy, or the network of this machine",
        key="proxies.localIP",
        prints=("network is unreachable", "no route to host", "host is unreachable"),
    ),
)
