"""The program ``frpc``: its commands and their flags."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from aiofrp.cli.program import LOG_FORMAT, run, with_common
from aiofrp.config.flags.parse import Command, Flag
from aiofrp.config.flags.table import CONNECTION, PROXY, VISITOR

_GENERAL = (
    Flag("config", "string", "config file of frpc", short="c", default="./frpc.ini"),
    Flag(
        "config-dir",
        "string",
        "config directory, run one frpc service for each file in config directory",
        default="",
    ),
    Flag("version", "bool", "version of frpc", short="v", default=False),
    Flag(
        "strict-config",
        "bool",
        "strict config parsing mode, unknown fields will cause an errors",
        default=True,
    ),
    Flag("allow-unsafe", "strings", "allowed unsafe features, one or more of: TokenSourceExec", default=()),
    LOG_FORMAT,
)
_API_TIMEOUT = Flag("api-timeout", "duration", "Timeout for admin API calls", default=30.0)
_NATHOLE = (
    Flag("nat-hole-stun-server", "string", "STUN server address for nathole", default=""),
    Flag("nat-hole-local-addr", "string", "local address to connect STUN server", short="l", default=""),
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
    _admin("reload", "Hot-Reload frpc configuration"),
    _admin(
        "status",
        "Overview of all proxies status",
        Flag("json", "bool", "print the answers of the admin API as one line of JSON", default=False),
        Flag("watch", "bool", "show it again when it changes, until the command is stopped", default=False),
    ),
    _admin("stop", "Stop the running frpc"),
    Command("verify", "Verify that the configures is valid", run="aiofrp.cli.client:verify_file"),
    Command(
        "nathole",
        "Actions about nathole",
        inherited=_NATHOLE,
        commands=(
            Command(
                "discover",
                "Discover nathole information from stun server",
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
