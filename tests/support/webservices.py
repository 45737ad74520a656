"""Web services of several makers that tell what they make of each request: aiohttp, nginx and node.

Each answers ``<method> <target> <X-Real-IP>``, at once and whatever the body does when the target begins with
``/early``, else after the body. Each keeps connections open, and reads a body nobody asked for to its end.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ports import free_port
from tests.support.procs import running
from tests.support.realservices import program
from tests.support.tunnel import PATIENCE


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that was whole for the service."""

    method: str
    target: str
    body: bytes | None  #: ``None`` where the service does not tell


@dataclass(frozen=True, slots=True)
class WebService:
    """A running service: its port, and what it got so far."""

    port: int
    heard: Callable[[], list[Heard]]


Maker = Callable[[Path], AbstractAsyncContextManager[WebService]]


_AIOHTTP = """
import asyncio, base64, json, sys
from aiohttp import web

port, log = sys.argv[1:]

async def answer(request):
    if not request.raw_path.startswith("/early"):
        body = base64.b64encode(await request.read()).decode()
        with open(log, "a") as file:
            print(json.dumps({"method": request.method, "target": request.raw_path, "body": body}), file=file)
    text = f"{request.method} {request.raw_path} {request.headers.get('X-Real-IP', '')}"
    return web.Response(text=text)

async def main():
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(port)).start()
    print("listening", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@asynccontextmanager
async def aiohttp_service(folder: Path) -> AsyncIterator[WebService]:
    """The server of aiohttp."""
    async with _script([sys.executable], folder / "service.py", _AIOHTTP) as service:
        yield service


_NODE = """
const http = require("http"), fs = require("fs");
const [port, log] = process.argv.slice(2);
http.createServer((request, response) => {
  const answer = () => response.end(`${request.method} ${request.url} ${request.headers["x-real-ip"] || ""}`);
  if (request.url.startsWith("/early")) { answer(); return; }
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const body = Buffer.concat(pieces).toString("base64");
    fs.appendFileSync(log, JSON.stringify({ method: request.method, target: request.url, body }) + "\\n");
    answer();
  });
}).listen(+port, "127.0.0.1", () => console.log("listening"));
"""


@asynccontextmanager
async def node_service(folder: Path) -> AsyncIterator[WebService]:
    """The server of node."""
    async with _script([program("node")], folder / "service.js", _NODE) as service:
        yield service


@asynccontextmanager
async def _script(command: list[str], script: Path, text: str) -> AsyncIterator[WebService]:
    """A service that gets its port and the file for what it hears as arguments, and tells when it listens."""
    port, log = free_port(), script.with_name("heard")
    script.write_text(text)
    log.touch()
    async with running([*command, str(script), str(port), str(log)], script.with_name("log")) as server:
        await server.line("listening")
        yield WebService(port, lambda: _lines(log))


_NGINX = """
daemon off;
master_process off;
pid {own}/pid;
error_log stderr;
events {{}}
http {{
    {temporary}
    log_format heard escape=json '{{"method":"$request_method","target":"$request_uri"}}';
    access_log {own}/heard heard;
    default_type text/plain;
    keepalive_timeout 60s;
    server {{
        listen 127.0.0.1:{port};
        location / {{ return 200 "$request_method $request_uri $http_x_real_ip"; }}
    }}
}}
"""


@asynccontextmanager
async def nginx_service(folder: Path) -> AsyncIterator[WebService]:
    """nginx, which answers every request before its body and does not tell bodies."""
    port = free_port()
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "conf").write_text(_NGINX.format(own=folder, port=port, temporary=temporary))
    command = [program("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(folder / "conf")]
    async with running(command, folder / "nginx.log"):
        await _listens(port)
        yield WebService(port, lambda: _lines(folder / "heard"))


async def _listens(port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            with contextlib.suppress(ConnectionError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.01)


def _lines(log: Path) -> list[Heard]:
    heard = []
    for line in log.read_text().splitlines():
        found = json.loads(line)
        body = base64.b64decode(found["body"]) if "body" in found else None
        heard.append(Heard(found["method"], found["target"], body))
    return heard
