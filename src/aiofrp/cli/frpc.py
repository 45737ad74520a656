"""The program ``frpc``: its commands and their flags."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from aiofrp.cli.program import LOG_FORMAT, run, with_common
from aiofrp.config.flags.parse import Command, Flag
from aiofrp.config.flags.table import CONNECTION, PROXY, VISITOR

_GENERAL = (
    Flag("config", "string", "configuration file", short="c", default="./frpc.ini"),
    Flag(
        "config-dir",
        "string",
        "folder of configuration files; frpc runs one client for each",
        default="",
    ),
    Flag("version", "bool", "version of frpc", short="v", default=False),
    Flag(
        "strict-config",
        "bool",
        "refuse unknown keys in the file",
        default=True,
    ),
    Flag("allow-unsafe", "strings", "unsafe feature that the file may use: TokenSourceExec", default=()),
    LOG_FORMAT,
)
_API_TIMEOUT = Flag("api-timeout", "duration", "time limit for an answer of the admin API", default=30.0)
_NATHOLE = (
    Flag("nat-hole-stun-server", "string", "STUN server, as host:port", default=""),
    Flag(
        "nat-hole-local-addr",
        "string",
        "local address for the requests to the STUN server",
        short="l",
        default="",
    ),
)


def _proxy(kind: str) -> Command:
    return Command(
        kind,
        f"Run frpc with a single {kind} proxy",
        run="aiofrp.cli.client:start_proxy",
        flags=PROXY[kind],
        inherited=CONNECTION,
        commands=(_visitor(kind),) if kind in VISITOR else (),
    )


def _visitor(kind: str) -> Command:
    return Command(
        "visitor",
        f"Run frpc with a single {kind} visitor",
        run="aiofrp.cli.client:start_visitor",
        flags=VISITOR[kind],
    )


def _admin(name: str, short: str, *flags: Flag) -> Command:
    return Command(name, short, run=f"aiofrp.cli.admin.commands:{name}", flags=(_API_TIMEOUT, *flags))


_COMMANDS = (
    _admin("reload", "Read the file again and change the proxies of the running frpc"),
    _admin(
        "status",
        "Show the proxies of the running frpc",
        Flag("json", "bool", "print one line of JSON", default=False),
        Flag("watch", "bool", "show the status again after each change", default=False),
    ),
    _admin("stop", "Stop the running frpc"),
    Command(
        "verify", "Check a configuration file and show all mistakes", run="aiofrp.cli.client:verify_file"
    ),
    Command(
        "nathole",
        "Commands about direct connections (xtcp)",
        inherited=_NATHOLE,
        commands=(
            Command(
                "discover",
                "Find out the kind of the NAT in front of this machine",
                run="aiofrp.cli.nathole:show",
            ),
        ),
    ),
    *(_proxy(kind) for kind in PROXY),
)

ROOT: Final = with_common(
    Command(
        "frpc",
        "frpc is the client of frp (https://github.com/fatedier/frp)",
        run="aiofrp.cli.client:start",
        inherited=_GENERAL,
        commands=_COMMANDS,
    )
)
"""Everything ``frpc`` can be asked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``frpc``; returns the exit code."""
    return run(ROOT, arguments)


if __name__ == "__main__":
    sys.exit(main())
