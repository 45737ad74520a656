"""What open dashboards cost the users of a frps: ``python -m bench.panels``.

A frps and a frpc with 2,000 http proxies serve 300 requests a second. In every other phase three dashboards are open:
event streams, whose readers ask as the pages do when something arrives (the overview, the list of proxies, the page of
one proxy). The last line is the 99th percentile of the time of a request with dashboards, as a multiple of that without
them. Phases alternate, so that both meet the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import aiohttp

from aiofrp.aio import Scope
from bench.figures import percentiles
from bench.pairs import cpu_seconds, free_ports

PROXIES, RATE = 2000, 300
#: Connections that carry the requests; each has one request at a time.
_CONNECTIONS = 60
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + b"x" * 64
#: What the three pages ask for when a sample arrives.
_PAGES = (
    ("system/info",),
    ("proxies?page=1&pageSize=20",),
    ("proxies/p7", "proxies/p7/traffic", "proxies/p7/connections?page=1&pageSize=20"),
)


async def serve() -> None:
    """The service behind all proxies, for ever; its port is printed."""

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                writer.write(_ANSWER)
        writer.close()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def watch(port: int) -> None:
    """Three dashboards, for ever."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}/api/v2/") as session:
        await asyncio.gather(*(_page(session, paths) for paths in _PAGES))


async def _page(session: aiohttp.ClientSession, paths: tuple[str, ...]) -> None:
    async def load() -> None:
        for path in paths:
            async with session.get(path) as answer:
                await answer.read()

    await load()
    forever = aiohttp.ClientTimeout(total=None)
    async with session.get("events", timeout=forever) as stream:
        async for line in stream.content:
            if line.startswith(b"event: "):
                await load()


async def requests(port: int, seconds: float) -> list[float]:
    """Send :data:`RATE` requests a second, at random times, for ``seconds``; the seconds that each took from when it
    was due."""
    idle: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(_CONNECTIONS):
        idle.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    taken: list[float] = []

    async def one(due: float) -> None:
        reader, writer = await idle.get()
        writer.write(b"GET / HTTP/1.1\r\nHost: p%d.t.test\r\n\r\n" % random.randrange(PROXIES))
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(64)
        taken.append(time.perf_counter() - due)
        idle.put_nowait((reader, writer))

    scope = Scope("requests")
    begin = due = time.perf_counter()
    while due - begin < seconds:
        due += random.expovariate(RATE)
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        scope.spawn(one(due), "request")
    for _ in range(_CONNECTIONS):
        _, writer = await idle.get()
        writer.close()
    await scope.close()
    return taken


@contextmanager
def program(*command: str, cwd: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """A process, ended at the end."""
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def measure(rounds: int, seconds: float) -> float:
    """Measure and print each phase; the 99th percentile with dashboards, as a multiple of that without."""
    ports = free_ports()
    bind, web, http = next(ports), next(ports), next(ports)
    here = str(Path(sys.executable).parent)
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        service = stack.enter_context(program(sys.executable, "-m", "bench.panels", "--serve"))
        assert service.stdout is not None
        local = int(service.stdout.readline())
        Path(folder, "frps.toml").write_text(
            f'bindAddr = "127.0.0.1"\nbindPort = {bind}\nvhostHTTPPort = {http}\nsubDomainHost = "t.test"\n'
            f'webServer.port = {web}\nlog.to = "frps.log"\n'
        )
        Path(folder, "frpc.toml").write_text(
            f'serverAddr = "127.0.0.1"\nserverPort = {bind}\nloginFailExit = false\nlog.to = "frpc.log"\n'
            + "".join(
                f'[[proxies]]\nname = "p{n}"\ntype = "http"\nsubdomain = "p{n}"\nlocalPort = {local}\n'
                for n in range(PROXIES)
            )
        )
        frps = stack.enter_context(program(f"{here}/frps", "-c", "frps.toml", cwd=folder))
        stack.enter_context(program(f"{here}/frpc", "-c", "frpc.toml", cwd=folder))
        log = Path(folder, "frpc.log")
        while not log.exists() or log.read_text().count("start proxy success") < PROXIES:
            time.sleep(0.2)
        found: dict[bool, list[float]] = {False: [], True: []}
        asyncio.run(requests(http, 3))  # the connections to the service are made
        for number in range(rounds):
            for watched in (False, True):
                with ExitStack() as phase:
                    if watched:
                        phase.enter_context(
                            program(sys.executable, "-m", "bench.panels", "--watch", str(web))
                        )
                        time.sleep(1)
                    used = cpu_seconds(frps.pid)
                    taken = asyncio.run(requests(http, seconds))
                    found[watched] += taken
                    times = percentiles(taken)
                    print(
                        f"{number + 1}: {'three dashboards' if watched else 'no dashboard':16}"
                        f" p50 {times['p50_us'] / 1000:6.2f} ms, p99 {times['p99_us'] / 1000:6.2f} ms,"
                        f" frps {(cpu_seconds(frps.pid) - used) / seconds * 100:4.1f} % of a core",
                        flush=True,
                    )
        return percentiles(found[True])["p99_us"] / percentiles(found[False])["p99_us"]


def main() -> None:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="phases of each kind")
    parser.add_argument("--seconds", type=float, default=15, help="length of a phase")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--watch", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(serve())
    elif arguments.watch:
        asyncio.run(watch(arguments.watch))
    else:
        print(
            f"p99 with three dashboards: {measure(arguments.rounds, arguments.seconds):.2f} times that without"
        )


if __name__ == "__main__":
    main()
