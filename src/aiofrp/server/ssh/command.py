"""The command of an SSH client: which proxy it wants (docs/protocol/server.md §15).

The flags are those that the models of the proxy types declare, without those about the local service and about the way
to the server, which SSH has of its own.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from aiofrp import registry
from aiofrp.config.flags.configs import tree_of
from aiofrp.config.flags.help import flag_lines
from aiofrp.config.flags.parse import Command, Flag, Invocation, UsageError, read_flags
from aiofrp.config.flags.table import CONNECTION, PROXY
from aiofrp.config.models.proxy import DomainConfig, ProxyConfig, ProxyKind
from aiofrp.errors import ProxyError
from aiofrp.wire.addresses import is_address
from aiofrp.wire.jsontext import SURROGATES

TYPES: Final = ("tcp", "http", "https", "tcpmux", "stcp")
"""The proxy types that an SSH client may ask for, in the order in which they are listed."""

#: Tables and fields of a proxy that no flag sets here.
_LOCAL: Final = frozenset({"transport", "local_ip", "local_port"})
#: Fields of the client that flags set here.
_CLIENT: Final = frozenset({"auth.token", "user", "client_id"})
#: Ours: the reference has no such flag.
_QR: Final = Flag("qr", "bool", "Show the address as a QR code.", default=False)

USAGE: Final = "ssh v0@{address} [command]"


@dataclass(frozen=True, slots=True)
class TunnelCommand:
    """What an SSH client asks for: a proxy, and who it is."""

    proxy: ProxyConfig
    user: str
    token: str
    client_id: str
    qr: bool


class HelpWanted(Exception):
    """The command asks for its help, which is the text of the exception."""


def read_command(text: str) -> TunnelCommand:
    """The command in ``text``, whose words are separated by single spaces, without quotes.

    Raises :class:`~aiofrp.errors.ProxyError` with the text for the user, and :class:`HelpWanted`.
    """
    words = text.split(" ")
    kind = words[0].strip()
    if kind not in TYPES:
        raise ProxyError(f"invalid proxy type: {kind}, support types: [{' '.join(TYPES)}]")
    flags = _flags(kind)
    try:
        invocation = read_flags(Command(USAGE, "", flags=flags), words[1:])
    except UsageError as exc:
        raise ProxyError(str(exc)) from None
    if invocation.value("help"):
        raise HelpWanted(_help(flags))
    return _command(kind, invocation)


def usage() -> str:
    """What a client sees that gives no command."""
    lines = [
        "frp (via SSH): this server publishes services of yours; it has no shell.",
        "",
        "Usage:",
        "  ssh -R :80:{local ip}:{local port} v0@{address} -p {port} [command] [flags]",
        "",
        "Commands:",
        *(f"  {kind:8}{_about(kind)}" for kind in TYPES),
        "",
        'Flags of a command: "ssh -R :80:127.0.0.1:8080 v0@{address} -p {port} tcp --help"',
    ]
    return "\n".join(lines)


def numbered(command: TunnelCommand, index: int, where: tuple[str, int], *, alone: bool) -> ProxyConfig:
    """The proxy of one ``-R``; ``index`` 0 is the first of the connection, ``where`` its address and port.

    The first gets what the command says; without ``alone`` a tcp proxy without ``--remote-port`` gets the port of its
    ``-R``. Each further one gets the name with its number, and its own port or its own domain from its ``-R``.
    Raises :class:`~aiofrp.errors.ProxyError`.
    """
    proxy = command.proxy
    host, port = where
    changes: dict[str, object] = {}
    if index:
        changes["name"] = f"{proxy.name}-{index + 1}"
    if proxy.type == "tcp" and (index or (not alone and not getattr(proxy, "remote_port", 0))):
        changes["remote_port"] = port
    elif index and isinstance(proxy, DomainConfig):
        changes |= _domain(host, index)
    return proxy.model_copy(update=changes) if changes else proxy


def _domain(host: str, index: int) -> dict[str, object]:
    """The domain, or the label below ``subDomainHost``, that a ``-R`` names as its address."""
    if not host or host in ("*", "localhost") or is_address(host):
        raise ProxyError(
            f"-R number {index + 1} needs a domain of its own: write -R other.example.com:80:{{local address}}"
        )
    if "." in host:
        return {"custom_domains": (host,), "subdomain": ""}
    return {"custom_domains": (), "subdomain": host}


def _flags(kind: str) -> tuple[Flag, ...]:
    proxy = (flag for flag in PROXY[kind] if flag.path.split(".")[0] not in _LOCAL)
    return (*proxy, *(flag for flag in CONNECTION if flag.path in _CLIENT), _QR)


def _command(kind: str, invocation: Invocation) -> TunnelCommand:
    model = registry.load(registry.PROXIES[kind], ProxyKind).Config
    proxy = [flag for flag in PROXY[kind] if flag in invocation.command.flags]
    fields = tree_of(proxy, invocation)
    if not fields["name"]:
        fields["name"] = f"sshtunnel-{kind}-{secrets.token_hex(4)}"
    user, token, client_id = (
        SURROGATES.sub("\ufffd", invocation.value(name)) for name in ("user", "token", "client-id")
    )
    return TunnelCommand(model(**fields), user, token, client_id, invocation.value("qr"))


def _help(flags: tuple[Flag, ...]) -> str:
    return "\n".join(["Usage:", f"  {USAGE} [flags]", "", "Flags:", *flag_lines(flags), ""])


def _about(kind: str) -> str:
    """The first line about a type's configuration, without its first words."""
    text = (registry.load(registry.PROXIES[kind], ProxyKind).Config.__doc__ or "").partition("\n")[0]
    return text.partition(": ")[2] or text
