"""The command ``aiofrp``: what frp's own commands do not have."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Final

from aiofrp.cli.own import init, login, serve, share
from aiofrp.cli.own.doctor import command as doctor
from aiofrp.cli.own.service import command as service
from aiofrp.cli.program import run, with_common
from aiofrp.compiled.facts import MODULES, in_words
from aiofrp.config.flags.parse import Command, Flag
from aiofrp.version import __version__

_LENIENT = Flag("lenient", "switch", "ignore unknown keys", default=False)
_PROGRAM = Flag("program", "text", "frps or frpc; if not given, the keys of the file decide", default="")


def _config(name: str, short: str, *flags: Flag, use: str = " [flags]") -> Command:
    return Command(name, short, run=f"aiofrp.cli.own.config:{name}", flags=flags, use=use)


_CONFIG = Command(
    "config",
    "Work with configuration files",
    wordless=True,
    commands=(
        _config(
            "convert",
            "Print a file as commented TOML with the same meaning",
            _LENIENT,
            _PROGRAM,
            use=" FILE [flags]",
        ),
        _config("reference", "Print every key of the files as a Markdown page"),
        _config(
            "schema", "Print the JSON Schema of the files of frps or frpc", use=" [server|client] [flags]"
        ),
        _config(
            "show",
            "Print the complete configuration, with secrets masked",
            Flag("json", "switch", "print JSON instead of TOML", default=False),
            _LENIENT,
            _PROGRAM,
            use=" FILE [flags]",
        ),
    ),
)

ROOT: Final = with_common(
    Command(
        "aiofrp",
        "Commands that frp does not have: share a service, set up frps and frpc, find problems.",
        flags=(Flag("version", "bool", "version of aiofrp", short="v", default=False),),
        commands=(
            share.COMMAND,
            serve.COMMAND,
            login.COMMAND,
            init.COMMAND,
            doctor.COMMAND,
            service.COMMAND,
            _CONFIG,
        ),
    )
)
"""Everything ``aiofrp`` can be asked."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``aiofrp``; returns the exit code."""
    compiled = f" ({in_words()})" if MODULES else ""
    return run(ROOT, arguments, version=f"{__version__}{compiled}")


if __name__ == "__main__":
    sys.exit(main())
