"""The two ends of a tunnel as programs, for namespaces: ``python -m tests.support.labends serve PORT`` echoes, and
``ask PORT BYTES`` sends so many random bytes and prints ``equal`` when the same come back."""

from __future__ import annotations

import asyncio
import os
import sys

from tests.support.services import tcp_echo


async def serve(port: int) -> None:
    """Echo on 127.0.0.1 until the process is ended."""
    async with tcp_echo(port):
        print("ready", flush=True)
        await asyncio.Event().wait()


async def ask(port: int, size: int) -> None:
    """Send and compare."""
    data = os.urandom(size)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.ensure_future(reader.readexactly(size))
    writer.write(data)
    try:
        print("equal" if await answer == data else "different", flush=True)
    finally:
        writer.close()


if __name__ == "__main__":
    numbers = [int(text) for text in sys.argv[2:]]
    asyncio.run(serve(numbers[0]) if sys.argv[1] == "serve" else ask(numbers[0], numbers[1]))
