"""The program ``frps``: its commands and their flags."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from aiofrp.cli.program import LOG_FORMAT, run, with_common
from aiofrp.config.flags.parse import Command, Flag
from aiofrp.config.flags.table import SERVER

_GENERAL = (
    Flag("config", "string", "config file of frps", short="c", default=""),
    Flag("version", "bool", "version of frps", short="v", default=False),
    Flag(
        "strict-config",
        "bool",
        "strict config parsing mode, unknown fields will cause errors",
        default=True,
    ),
    Flag("allow-unsafe", "strings", "allowed unsafe features, one or more of: TokenSourceExec", default=()),
    Flag(
        "dashboard-tls-mode",
        "bool",
        "Serve the dashboard over TLS, with dashboard-tls-cert-file and dashboard-tls-key-file.",
        default=False,
        word=True,
    ),
    LOG_FORMAT,
)

ROOT: Final = with_common(
    Command(
        "frps",
        "frps is the server of frp (https://github.com/fatedier/frp)",
        run="aiofrp.cli.server:start",
        inherited=_GENERAL + SERVER,
        commands=(
            Command("verify", "Verify that the configures is valid", run="aiofrp.cli.server:verify_file"),
        ),
    )
)
"""Everything ``frps`` can be asked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``frps``; returns the exit code."""
    return run(ROOT, arguments)


if __name__ == "__main__":
    sys.exit(main())
