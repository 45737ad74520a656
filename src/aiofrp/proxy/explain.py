"""What frpc can see of a local service that does not take a connection, as facts for the catalogue of hints."""

from __future__ import annotations

import os
import socket
import time
from functools import lru_cache

from aiofrp.wire.addresses import is_address, is_loopback, join_host_port

#: Files that container runtimes write into a container.
_IN_CONTAINER = ("/.dockerenv", "/run/.containerenv")
#: The loopback address of the other family.
_OTHER = {"127.0.0.1": "::1", "::1": "127.0.0.1", "localhost": ""}
#: Seconds an answer about a port is kept.
_KEPT = 30.0


def service_facts(host: str, port: int) -> dict[str, str]:
    """Facts about the service at ``host`` and ``port``. Of this machine alone: nothing is asked over the network."""
    facts = {
        "host": host,
        "port": str(port),
        "where": join_host_port(host, port),
        "container": "yes" if any(map(os.path.exists, _IN_CONTAINER)) else "no",
        "loopback": "yes" if host == "localhost" or (is_address(host) and is_loopback(host)) else "no",
    }
    other = _OTHER.get(host, "")
    if other and _is_open(other, port, int(time.monotonic() / _KEPT)):
        facts |= {"listens": "elsewhere", "other": join_host_port(other, port), "other_host": other}
    return facts


def datagram_facts(host: str, port: int) -> dict[str, str]:
    """Facts about the UDP service at ``host`` and ``port``; ``tcp`` is ``open`` where a program of this machine has the
    TCP port of that number."""
    facts = service_facts(host, port)
    facts.pop("listens", None)  # it is about TCP
    if _is_open("127.0.0.1" if host == "localhost" else host, port, int(time.monotonic() / _KEPT)):
        facts["tcp"] = "open"
    return facts


@lru_cache(64)
def _is_open(host: str, port: int, turn: int) -> bool:
    """Whether a program of this machine listens at a loopback address. ``turn`` changes when it is to be asked anew."""
    if not is_loopback(host):
        return False
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            # The second call gives the result of the first: see is_loopback.
            return not probe.connect_ex((host, port)) or not probe.connect_ex((host, port))
    except OSError:
        return False
