"""frps, frpc and a web application in one process, and a request through the tunnel.

Run it with: python examples/library/embed.py
"""

import asyncio
from urllib.request import urlopen

import aiofrp


async def app(scope, receive, send):
    """A web application; Starlette, FastAPI, Quart and Django have the same interface."""
    if scope["type"] == "http":
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
        )
        await send({"type": "http.response.body", "body": b"Hello from inside\n"})


async def main() -> None:
    # Port 0 is any free port, of the server and of the tunnel.
    async with aiofrp.Server(bind_addr="127.0.0.1", bind_port=0, auth={"token": "secret"}) as server:
        print("frps listens on", server.address)
        async with aiofrp.expose(app, server.address, token="secret") as tunnel:
            url = f"http://{tunnel.address}/"
            print("the application is at", url)
            answer = await asyncio.to_thread(lambda: urlopen(url).read())
            print("it says:", answer.decode().strip())


asyncio.run(main())
