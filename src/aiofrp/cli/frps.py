"""The command ``frps``."""

from __future__ import annotations

import argparse
import asyncio
import signal

from aiofrp import FRP_VERSION, logs
from aiofrp.cli.run import on_signals, run
from aiofrp.config.files import load_server
from aiofrp.config.server import ServerConfig
from aiofrp.errors import FrpError


def main() -> None:
    parser = argparse.ArgumentParser("frps")
    parser.add_argument("-c", "--config", default="")
    parser.add_argument("-v", "--version", action="version", version=FRP_VERSION)
    args = parser.parse_args()
    try:
        config = load_server(args.config).config if args.config else ServerConfig()
    except FrpError as exc:
        print(exc)
        raise SystemExit(1) from None
    logs.setup(level=config.log.level)
    raise SystemExit(run(serve(config)))


async def serve(config: ServerConfig) -> int:
    from aiofrp.server.service import Server

    server = Server(config)
    stopping = asyncio.Event()
    on_signals(stopping.set, signal.SIGINT, signal.SIGTERM)
    try:
        await server.start()
    except FrpError as exc:
        print(exc)
        return 1
    await stopping.wait()
    await server.stop()
    return 0


if __name__ == "__main__":
    main()
