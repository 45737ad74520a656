"""Share a port of this machine until Ctrl-C.

Run it with: python examples/library/share.py 8000 frps.example.com:7000 TOKEN
"""

import asyncio
import sys

import aiofrp
from aiofrp.errors import FrpError


async def main(port: int, server: str, token: str) -> None:
    async with aiofrp.expose(port, server, token=token, name=f"share-{port}") as tunnel:
        print(f"port {port} is at {tunnel.address}", flush=True)
        await tunnel.wait()


if len(sys.argv) != 4 or not sys.argv[1].isdigit():
    sys.exit("usage: python share.py PORT HOST:PORT TOKEN")
try:
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
except FrpError as error:
    sys.exit(f"error: {error}")
except KeyboardInterrupt:
    print("no longer shared")
