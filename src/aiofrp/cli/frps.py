"""The program ``frps``: its commands and their flags."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from aiofrp.cli.program import LOG_FORMAT, run, with_common
from aiofrp.config.flags.parse import Command, Flag
from aiofrp.config.flags.table import SERVER

_GENERAL = (
    Flag("config", "string", "configuration file", short="c", default=""),
    Flag("version", "bool", "version of frps", short="v", default=False),
    Flag(
        "strict-config",
        "bool",
        "refuse unknown keys in the file",
        default=True,
    ),
    Flag("allow-unsafe", "strings", "unsafe feature that the file may use: TokenSourceExec", default=()),
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
            Command(
                "verify",
                "Check a configuration file and show all mistakes",
                run="aiofrp.cli.server:verify_file",
            ),
        ),
    )
)
"""Everything ``frps`` can be asked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``frps``; returns the exit code."""
    return run(ROOT, arguments)


if __name__ == "__main__":
    sys.exit(main())
