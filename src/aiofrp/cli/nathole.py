"""``frpc nathole discover``: what the NAT in front of this machine does."""

from __future__ import annotations

from aiofrp.cli.run import run
from aiofrp.config.flags.parse import Invocation
from aiofrp.config.load.files import load_client
from aiofrp.config.load.valuesource import TOKEN_SOURCE_EXEC
from aiofrp.config.models.client import ClientConfig
from aiofrp.errors import ConfigError, FrpError
from aiofrp.nat.classify import EASY, Nat, classify
from aiofrp.nat.discover import Discovered, TooFewAddresses, discover, servers_of
from aiofrp.nat.interfaces import local_addresses


def show(invocation: Invocation) -> int:
    """Print what STUN servers see of this machine. Returns the exit code."""
    try:  # a file that cannot be read does not matter, as the flags may say all that is needed
        config = load_client(invocation.value("config"), allow_unsafe=(TOKEN_SOURCE_EXEC,)).config
    except ConfigError:
        config = ClientConfig()
    servers = invocation.value("nat-hole-stun-server") or config.nat_hole_stun_server
    if not servers_of(servers):
        print("nat_hole_stun_server can not be empty")
        return 1
    return run(_show(servers, invocation.value("nat-hole-local-addr")))


async def _show(servers: str, listen: str) -> int:
    try:
        found = await discover(servers_of(servers), listen=listen)
    except TooFewAddresses as error:
        known = f"can not get enough addresses, need 2, got: [{' '.join(error.mapped)}]"
        print("\n".join([f"discover error: {known}", *error.reasons, _NO_SECOND_ADDRESS]))
        return 1
    except FrpError as error:
        print(f"discover error: {error}")
        return 1
    found.socket.close()
    print(report(servers, found, classify(found.mapped, local_addresses())))
    return 0


_NO_SECOND_ADDRESS = (
    "A STUN server with a second address is needed (RFC 5780), or two servers: "
    "--nat-hole-stun-server first.example:3478,second.example:3478"
)


def report(servers: str, found: Discovered, nat: Nat) -> str:
    """The lines that the reference prints, and one about what such a NAT can do."""
    return "\n".join(
        (
            f"STUN server: {servers}",
            f"Your NAT type is: {nat.type}",
            f"Behavior is: {nat.behavior}",
            f"External address is: [{' '.join(found.mapped)}]",
            f"Local address is: {found.local}",
            f"Public Network: {str(nat.public).lower()}",
            f"Direct connections (xtcp): {chances(nat)}",
        )
    )


def chances(nat: Nat) -> str:
    """With which other NATs a direct connection works, by the tables of docs/protocol/nat.md §4."""
    if nat.public:
        return "work with every NAT on the other side, as this machine has a public address"
    if nat.type == EASY:
        return "work with most NATs on the other side"
    if nat.regular:
        return "work with an EasyNAT on the other side, often with another NAT of regular ports"
    return "work with an EasyNAT on the other side only; give the visitor a fallbackTo for the rest"
