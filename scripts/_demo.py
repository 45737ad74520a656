"""The demonstration behind ``scripts/demo``: a web page, frps, frpc, and a visitor.

It knows the two programs only by their command lines: FRPS and FRPC in the environment name others, with
arguments if need be. Everything listens on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

SITE = Path(__file__).parent.parent / "examples" / "site"

#: Seconds until the page must have come through the tunnel.
START_LIMIT = 20.0
#: Seconds a program gets to end after SIGTERM.
STOP_LIMIT = 10.0


class Failed(Exception):
    """The demonstration did not come about; the text says why."""


class PageHandler(SimpleHTTPRequestHandler):
    """Serves the page and tells of every request."""

    def log_message(self, format: str, *args: object) -> None:
        print(f"  request: {format % args}", flush=True)


def free_port(wanted: int) -> int:
    """``wanted`` if nobody has it, else any free port."""
    for port in (wanted, 0):
        try:
            with socket.create_server(("127.0.0.1", port)) as probe:
                return int(probe.getsockname()[1])
        except OSError:
            continue
    raise Failed("no free port on 127.0.0.1")


@contextmanager
def web_server() -> Iterator[int]:
    """The page's own web server, in a thread; gives its port."""
    handler = partial(PageHandler, directory=str(SITE))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


class Program:
    """A running frps or frpc; its log is in the file ``log``."""

    def __init__(self, name: str, config: Path) -> None:
        self.name = name
        self.log = config.with_suffix(".log")
        default = [sys.executable, "-m", f"aiofrp.cli.{name}"]
        command = shlex.split(os.environ.get(name.upper(), "")) or default
        with self.log.open("wb") as log:
            # A session of its own: the terminal's Ctrl-C comes to the demonstration, which ends it in order.
            self.process = subprocess.Popen(
                [*command, "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def check(self) -> None:
        """Raises if the program has ended."""
        if (status := self.process.poll()) is not None:
            raise Failed(f"{self.name} ended with status {status}")

    def stop(self) -> None:
        """End it, politely first."""
        self.process.terminate()
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def running(name: str, config: Path, text: str) -> Iterator[Program]:
    """A program with the configuration ``text``; shows its log if the demonstration fails."""
    config.write_text(text, encoding="utf-8")
    program = Program(name, config)
    try:
        yield program
    except Failed:
        print(f"--- {name} said:\n{program.log.read_text(errors='replace')}", file=sys.stderr)
        raise
    finally:
        program.stop()


def until_it_listens(port: int, program: Program) -> None:
    """Wait for a program's port; raises if it never opens."""
    end = time.monotonic() + START_LIMIT
    while True:
        program.check()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError as error:
            if time.monotonic() > end:
                raise Failed(f"{program.name} does not listen on port {port}: {error}") from error
        time.sleep(0.02)


def fetch(url: str) -> bytes:
    """The page as a visitor gets it."""
    # Never by way of a proxy that the environment names: the address is on this machine.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as response:
        return bytes(response.read())


def first_visit(url: str, programs: list[Program]) -> bytes:
    """Fetch the page as soon as the tunnel stands; raises if it never does."""
    end = time.monotonic() + START_LIMIT
    while True:
        for program in programs:
            program.check()
        try:
            return fetch(url)
        except (urllib.error.URLError, ConnectionError, TimeoutError) as error:
            if time.monotonic() > end:
                raise Failed(f"{url} does not answer: {error}") from error
        time.sleep(0.05)


def verify(page: bytes) -> None:
    """Raises unless the page is the one that lies in the folder."""
    wanted = (SITE / "index.html").read_bytes()
    if page != wanted:
        raise Failed(f"a different page came through: {len(page)} bytes instead of {len(wanted)}")


@contextmanager
def tunnel(folder: Path, local: int, port: int, remote: int) -> Iterator[tuple[str, list[Program]]]:
    """frps and frpc in front of the local port; gives the address for visitors."""
    proxy = f'[[proxies]]\nname = "page"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
    server = f'bindAddr = "127.0.0.1"\nbindPort = {port}\n'
    client = f'serverAddr = "127.0.0.1"\nserverPort = {port}\n{proxy}'
    with running("frps", folder / "frps.toml", server) as frps:
        until_it_listens(port, frps)
        with running("frpc", folder / "frpc.toml", client) as frpc:
            yield f"http://127.0.0.1:{remote}/", [frps, frpc]


def demonstrate(options: argparse.Namespace) -> None:
    """Build everything up, show or verify it, and take it down again."""
    port, remote = free_port(options.port), free_port(options.remote_port)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="frp-demo-")))
        local = stack.enter_context(web_server())
        url, programs = stack.enter_context(tunnel(folder, local, port, remote))
        print(f"a web server on 127.0.0.1:{local} <- frpc <- frps <- {url}", flush=True)
        verify(first_visit(url, programs))
        print("the page came through the tunnel, byte for byte", flush=True)
        if options.check:
            return
        print(f"\nOpen {url} in a browser. Ctrl-C ends the demonstration.\n", flush=True)
        while True:
            time.sleep(0.5)
            for program in programs:
                program.check()


def main() -> int:
    """The command line; 0 when all went well or the user ended it."""
    parser = argparse.ArgumentParser(
        prog="scripts/demo", description="Share a web page through frps and frpc."
    )
    parser.add_argument("--check", action="store_true", help="fetch and verify the page, then end")
    parser.add_argument(
        "--port", type=int, default=7000, help="of frps, or another where it is taken (default 7000)"
    )
    parser.add_argument("--remote-port", type=int, default=6080, help="for visitors, likewise (default 6080)")
    options = parser.parse_args()
    # The same orderly end for both signals.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        demonstrate(options)
    except KeyboardInterrupt:
        print("\nended", flush=True)
    except Failed as failure:
        print(f"scripts/demo: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
