"""The command ``frpc``."""

from __future__ import annotations

import argparse
import signal

from aiofrp import FRP_VERSION, logs
from aiofrp.cli.run import on_signals, run
from aiofrp.config.client import ClientConfig
from aiofrp.config.files import load_client
from aiofrp.errors import FrpError


def main() -> None:
    parser = argparse.ArgumentParser("frpc")
    parser.add_argument("-c", "--config", default="./frpc.ini")
    parser.add_argument("-v", "--version", action="version", version=FRP_VERSION)
    args = parser.parse_args()
    try:
        config = load_client(args.config, starting=True).config
    except FrpError as exc:
        print(exc)
        raise SystemExit(1) from None
    logs.setup(level=config.log.level)
    raise SystemExit(run(serve(config)))


async def serve(config: ClientConfig) -> int:
    from aiofrp.client.service import Client

    client = Client(config)
    on_signals(client.stop, signal.SIGINT, signal.SIGTERM)
    try:
        await client.run()
    except FrpError as exc:
        print(exc)
        return 1
    return 0


if __name__ == "__main__":
    main()
