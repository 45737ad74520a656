"""The command ``aiofrp``: what frp's own commands do not have."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence

from aiofrp.cli import share, streams
from aiofrp.cli.program import printed
from aiofrp.config.load.valuesource import TOKEN_SOURCE_EXEC
from aiofrp.errors import ConfigError
from aiofrp.version import __version__

_CLIENT_KEYS = re.compile(
    r"^[\s\"\[]*(?:server_?addr|server_?port|admin_\w+|login_?fail_?exit|tls_enable|pool_count|proxies|visitors"
    r"|local_?port|user|start|includes)\b",
    re.IGNORECASE | re.MULTILINE,
)
_SERVER_KEYS = re.compile(
    r"^[\s\"\[]*(?:bind_?port|vhost_?http\w*|dashboard_\w+|sub_?domain_?host|allow_?ports|kcp_?bind_?port"
    r"|quic_?bind_?port|tls_only|max_pool_count|http_?plugins)\b",
    re.IGNORECASE | re.MULTILINE,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    streams.prepare()
    arguments = _parser().parse_args(argv)
    try:
        result: str | int = arguments.run(arguments)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    if isinstance(result, int):
        return result
    print(result, end="" if result.endswith("\n") else "\n")
    return printed()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="aiofrp", description="What frp's own commands do not have.")
    parser.add_argument("--version", action="version", version=__version__)
    groups = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = groups.add_parser(
        "share",
        help="make one service public without a file",
        epilog=share.HELP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    share.add_flags(shared)
    shared.set_defaults(run=share.share)
    config = groups.add_parser("config", help="work with configuration files")
    commands = config.add_subparsers(required=True, metavar="COMMAND")
    schema = commands.add_parser("schema", help="print the JSON Schema of configuration files, for editors")
    schema.add_argument("program", choices=("server", "client"), nargs="?", default="client")
    schema.set_defaults(run=_schema)
    reference = commands.add_parser("reference", help="print every key of the files as a Markdown page")
    reference.set_defaults(run=_reference)
    convert = commands.add_parser("convert", help="print a file as commented TOML with the same meaning")
    convert.set_defaults(run=_convert)
    show = commands.add_parser("show", help="print the completed configuration, secrets masked")
    show.add_argument("--json", action="store_true", help="print JSON instead of TOML")
    show.set_defaults(run=_show)
    for command in (convert, show):
        command.add_argument("file", metavar="FILE")
        command.add_argument(
            "--program", choices=("frps", "frpc"), help="whose file it is; found out from its keys otherwise"
        )
        command.add_argument("--lenient", action="store_true", help="ignore unknown keys")
    return parser


def _reference(arguments: argparse.Namespace) -> str:
    from aiofrp.config.tools.reference import reference

    return reference()


def _schema(arguments: argparse.Namespace) -> str:
    from aiofrp.config.tools.schema import schema

    return json.dumps(schema(arguments.program), indent=2, ensure_ascii=False)


def _convert(arguments: argparse.Namespace) -> str:
    from aiofrp.config.load.files import read
    from aiofrp.config.tools.convert import convert

    raw = read(arguments.file)
    program = arguments.program or guess_program(arguments.file, raw)
    return convert(arguments.file, program, raw, strict=not arguments.lenient)


def _show(arguments: argparse.Namespace) -> str:
    from aiofrp.config.load.files import load_client, load_server, read
    from aiofrp.config.tools.show import masked_tree, show

    program = arguments.program or guess_program(arguments.file, read(arguments.file))
    load = load_server if program == "frps" else load_client
    loaded = load(arguments.file, strict=not arguments.lenient, allow_unsafe=(TOKEN_SOURCE_EXEC,))
    if arguments.json:
        return json.dumps(masked_tree(loaded.config), indent=2, ensure_ascii=False)
    return show(loaded.config)


def guess_program(path: str, raw: bytes) -> str:
    """Whose configuration a file is, from its keys, else from its name."""
    text = raw.decode("utf-8", "replace")
    client, server = len(_CLIENT_KEYS.findall(text)), len(_SERVER_KEYS.findall(text))
    if client != server:
        return "frpc" if client > server else "frps"
    name = os.path.basename(path).lower()
    return "frps" if "frps" in name or "server" in name else "frpc"


if __name__ == "__main__":
    sys.exit(main())
