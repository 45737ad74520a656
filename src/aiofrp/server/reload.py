"""What of a new configuration frps takes over while it runs: a pure decision."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from aiofrp.config.models.server import ServerConfig
from aiofrp.config.tools.compare import differences, with_values

LIVE: Final = frozenset(
    {
        "log.level",
        "auth.token",
        "auth.tokenSource",
        "auth.additionalScopes",
        "auth.authenticationTimeout",
        "allowPorts",
        "maxPortsPerClient",
        "userConnTimeout",
        "detailedErrorsToClient",
        "transport.maxPoolCount",
        "transport.tls.certFile",
        "transport.tls.keyFile",
        "transport.tls.trustedCaFile",
    }
)
"""What changes at run time. Tokens, scopes and pool counts count from the next login of a client on, certificates
from its next connection on, ports from its next proxy on."""


class Change(Struct, frozen=True):
    """The outcome of a reload."""

    config: ServerConfig  #: what frps runs with from now on
    applied: tuple[str, ...]  #: keys that changed
    waiting: tuple[str, ...]  #: keys that differ in the file and need a restart


def change(old: ServerConfig, new: ServerConfig) -> Change:
    """What becomes of a frps that runs with ``old`` and is given ``new``."""
    keys = tuple(differences(old, new))
    return Change(
        with_values(old, new, LIVE),
        tuple(key for key in keys if key in LIVE),
        tuple(key for key in keys if key not in LIVE),
    )
