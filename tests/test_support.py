"""The tools of the tests themselves: ports, services, processes."""

from __future__ import annotations

import asyncio
import http.client
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from aiofrp import logs
from aiofrp.server.vhost import http as vhost
from tests.support import loglimits, measure, ports, procs, services
from tests.support.peers import GoPeers

PRINTER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("ready", flush=True)
print("ready again", flush=True)
while True: time.sleep(60)
"""


def test_ports_are_free_and_differ(free_port: int, free_ports: Callable[[], int]) -> None:
    several = {free_port, *(free_ports() for _ in range(20))}
    assert len(several) == 21
    assert all(ports.FIRST <= port < ports.LAST for port in several)
    for port in several:
        with socket.create_server(("127.0.0.1", port)):
            pass


async def test_lines_that_one_test_used_up_are_there_for_the_next(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(logs.ANYONE.burst + 1):
        vhost._refused.warning("failed: %s", "none")
    vhost._refused.seldom.warning("once")
    loglimits.refill()
    caplog.clear()
    vhost._refused.warning("failed: %s", "another")
    vhost._refused.seldom.warning("once")
    assert [record.getMessage()[-7:] for record in caplog.records] == ["another", "once"]


def test_workers_have_ranges_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    ranges = []
    for worker in ("gw0", "gw1", "gw2"):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        ranges.append(set(ports._own_range()))
    assert not ranges[0] & ranges[1]
    assert not ranges[1] & ranges[2]


def test_taken_ports_are_passed_over(free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        assert not ports._is_free(socket.SOCK_STREAM, "", free_port)


@pytest.mark.both_loops
async def test_tcp_echo_sends_back_all_and_ends_with_us() -> None:
    async with services.tcp_echo() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        data = bytes(range(256)) * 20_000
        writer.write(data)
        writer.write_eof()
        assert await reader.read(-1) == data
        writer.close()
        await writer.wait_closed()


@pytest.mark.both_loops
async def test_udp_echo() -> None:
    async with services.udp_echo() as port:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"ping", ("127.0.0.1", port))
            client.settimeout(5)
            assert await asyncio.to_thread(client.recv, 100) == b"ping"


def test_web_server_answers_and_remembers() -> None:
    with services.web_server({"/a": b"A"}) as web:
        client = http.client.HTTPConnection("127.0.0.1", web.port, timeout=5)
        client.request("POST", "/a", body=b"data", headers={"X-Test": "1"})
        assert client.getresponse().read() == b"A"
        client.request("GET", "/b")
        response = client.getresponse()
        assert (response.status, response.read()) == (404, b"")
        client.close()
    first = web.requests[0]
    assert (first.method, first.path, first.body, first.headers["X-Test"]) == ("POST", "/a", b"data", "1")


@pytest.mark.both_loops
async def test_a_process_is_read_and_ended(tmp_path: Path) -> None:
    async with procs.running([sys.executable, "-c", PRINTER], tmp_path / "log") as program:
        assert await program.line("ready") == "ready"
        assert await program.line("^ready", count=2) == "ready again"
        assert await program.stop() == 7
        with pytest.raises(AssertionError, match="the process ended"):
            await program.line("never")


async def test_a_forgotten_process_is_killed(tmp_path: Path) -> None:
    async with procs.running(["sleep", "60"], tmp_path / "log") as program:
        pass
    assert not program.running


async def test_waiting_for_a_line_has_a_limit(tmp_path: Path) -> None:
    async with procs.running(["sleep", "60"], tmp_path / "log") as program:
        with pytest.raises(AssertionError, match="in time"):
            await program.line("never", within=0)


async def test_go_programs_start(go_peers: GoPeers, tmp_path: Path, free_ports: Callable[[], int]) -> None:
    port, remote = free_ports(), free_ports()
    async with (
        services.tcp_echo() as echo,
        procs.frps(tmp_path, f"bindPort = {port}", side="go"),
        procs.frpc(
            tmp_path,
            f'serverAddr = "127.0.0.1"\nserverPort = {port}\n[[proxies]]\nname = "t"\ntype = "tcp"\n'
            f"localPort = {echo}\nremotePort = {remote}\n",
            side="go",
        ),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", remote)
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        writer.close()
        await writer.wait_closed()


def test_what_is_measured() -> None:
    nodes = [
        "tests/wire/a.py::t[1]",
        "tests/wire/a.py::t[2]",
        "tests/wire/a.py::u",
        "tests/e2e/test_loads.py::t",
    ]
    nodes += ["tests/e2e/test_udp.py::t[1]", "tests/e2e/test_udp.py::t[2]", "tests/fuzz/a.py::t"]
    assert measure.chosen(nodes) == {nodes[0], nodes[2], nodes[4]}
    assert all((measure.ROOT / path).exists() for path in (*measure.MEASURED, *measure.UNMEASURED))
