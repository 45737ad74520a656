"""The load generator in C: its clients against its own service and against broken ones, its service with the clients in
Python, and how it is compiled."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic

import pytest

from bench import loadgen, native
from bench.figures import Figures
from bench.payload import payload
from bench.server import client_hello
from bench.web import request, response_length
from tests.bench.test_loadgen import address as python_service
from tests.support.native import require
from tests.support.ports import free_port
from tests.support.tunnel import Handler, exchange, local_service

__all__ = ["python_service"]

CLIENTS = sorted(native.MODES - {"serve"})
#: Seconds of traffic in a test, and those a client may take at most, beside other programs.
SECONDS, LIMIT = 0.05, 10.0


@pytest.fixture(scope="module")
def service() -> Iterator[int]:
    """The port of the running service."""
    port = free_port()
    with subprocess.Popen([require(), "serve", f"127.0.0.1:{port}"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield port
        process.terminate()


def run(mode: str, port: int, size: int = 1024, seconds: float = SECONDS) -> tuple[Figures, str]:
    """The figures of a client in C, and what it says on standard error."""
    arguments = ["--connections", 4, "--size", size, "--seconds", seconds]
    command = [str(require()), mode, f"127.0.0.1:{port}", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True)
    return json.loads(done.stdout), done.stderr


def measure(mode: str, port: int, size: int = 1024, seconds: float = SECONDS) -> Figures:
    """The figures alone."""
    return run(mode, port, size, seconds)[0]


@pytest.mark.parametrize("mode", CLIENTS)
def test_every_client_counts_without_errors(mode: str, service: int) -> None:
    figures = measure(mode, service)
    assert figures["connections"] == 4
    assert figures["per_s"] > 0
    assert figures["errors"] == 0
    assert SECONDS <= figures["elapsed_s"] < LIMIT
    assert 0 < figures["p50_us"] <= figures["p90_us"] <= figures["p99_us"]
    if mode == "udp":
        answered = round(figures["per_s"] * figures["elapsed_s"])
        assert answered + figures["lost"] <= figures["sent"] <= answered + figures["lost"] + 4


@pytest.mark.parametrize("mode", CLIENTS)
async def test_the_figures_have_the_names_of_those_of_python(mode: str, service: int) -> None:
    options = argparse.Namespace(connections=2, size=64, seconds=SECONDS)
    figures = await loadgen.CLIENTS[mode](("127.0.0.1", service), options)
    assert figures.keys() <= measure(mode, service).keys()


@pytest.mark.parametrize("mode", CLIENTS)
async def test_every_client_is_served_by_python(mode: str, python_service: tuple[str, int]) -> None:
    figures = await asyncio.to_thread(measure, mode, python_service[1])
    assert figures["per_s"] > 0
    assert figures["errors"] == 0


@pytest.mark.parametrize(("mode", "size"), [("ping", 65_507), ("udp", 65_507), ("http", 1 << 20)])
def test_large_messages_come_whole(mode: str, size: int, service: int) -> None:
    figures = measure(mode, service, size=size)
    assert figures["per_s"] > 0
    assert figures["errors"] == 0


# Broken services


def answering(answer: bytes) -> Handler:
    """A service that answers what comes first, and ends."""

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1 << 16)
        writer.write(answer)

    return service


async def closing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service that ends at once."""


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A service that never answers."""
    await reader.read()


@pytest.mark.parametrize("mode", CLIENTS)
def test_a_service_that_refuses_gives_errors(mode: str) -> None:
    start = monotonic()
    figures = measure(mode, free_port())
    assert monotonic() - start < LIMIT
    assert figures["per_s"] == 0
    assert figures["errors"] > 0
    assert "p50_us" not in figures
    if mode == "udp":
        assert figures["lost"] == figures["errors"]


@pytest.mark.parametrize(
    ("modes", "service", "why"),
    [
        (["conn", "ping", "http", "httpclose"], closing, "lost: "),
        (["conn", "ping"], answering(bytes(2000)), "wrong answer: "),
        (
            ["http", "httpclose"],
            answering(b"HTTP/1.1 404 Not Found\r\n\r\n"),
            "wrong answer: HTTP/1.1 404 Not",
        ),
        (["http"], answering(b"HTTP/1.1 200 OK\r\n\r\n"), "wrong answer: "),
        (["http"], answering(b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"), "wrong answer: "),
        (["http"], answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy"), "wrong answer: "),
        (["http"], answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx"), "lost: "),
        (["http"], answering(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 5000), "wrong answer: "),
    ],
)
async def test_a_broken_service_gives_errors(modes: list[str], service: Handler, why: str) -> None:
    async with local_service(service) as port:
        for mode in modes:
            figures, said = await asyncio.to_thread(run, mode, port)
            assert figures["per_s"] == 0
            assert figures["errors"] > 0
            assert f"native: {mode}: first error: {why}" in said


@pytest.mark.parametrize("mode", ["conn", "ping", "http", "httpclose"])
async def test_a_service_without_answers_does_not_hold_a_client(mode: str) -> None:
    async with local_service(silent) as port:
        figures = await asyncio.to_thread(measure, mode, port)
    assert (figures["per_s"], figures["errors"]) == (0, 0)


def test_lost_datagrams_are_counted() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        figures = measure("udp", sock.getsockname()[1], seconds=0.4)
    assert (figures["per_s"], figures["errors"]) == (0, 0)
    assert figures["lost"] >= 4
    assert figures["sent"] == figures["lost"] + 4


@pytest.mark.parametrize(
    "arguments",
    [
        "ping",
        "nonsense 127.0.0.1:1",
        "ping localhost:1",
        "ping 127.0.0.1:0",
        "ping 127.0.0.1:1 --connections 0",
        "ping 127.0.0.1:1 --connections 10001",
        "ping 127.0.0.1:1 --size 65508",
        "ping 127.0.0.1:1 --seconds x",
        "ping 127.0.0.1:1 --nonsense",
    ],
)
def test_a_wrong_command_line_is_refused(arguments: str) -> None:
    done = subprocess.run([require(), *arguments.split()], capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode in (1, 2)
    assert done.stderr.startswith(b"native: ") or b"unrecognized option" in done.stderr


# The service, with others


@pytest.mark.parametrize("mode", ["down", "up", "https", "hold", "crowd", "get", "post"])
async def test_the_service_serves_the_clients_in_python(mode: str, service: int) -> None:
    size = (1 << 20) + 1 if mode in ("get", "post") else 64
    options = argparse.Namespace(connections=2, size=size, seconds=SECONDS)
    figures = await loadgen.CLIENTS[mode](("127.0.0.1", service), options)
    assert figures.get("bytes") or figures.get("per_s") or figures["alive"] == 2
    assert not figures.get("lost")


async def test_everything_is_echoed_in_order(service: int) -> None:
    """Also what the kernel does not take at once."""
    data = payload(4 << 20)
    assert await exchange(service, b"e" + data) == data


@pytest.mark.parametrize("step", [1, 100])
async def test_what_comes_in_pieces_is_put_together(step: int, service: int) -> None:
    asked = client_hello() + request("POST", 3) + b"abc" + request("GET", 5)
    reader, writer = await asyncio.open_connection("127.0.0.1", service)
    for start in range(0, len(asked), step):
        writer.write(asked[start : start + step])
        await asyncio.sleep(0)
    answer = await reader.readuntil(b"\r\n\r\n")
    allowed = b'{"unchange":true}'
    assert response_length(answer) == len(answer) + len(allowed)
    assert await reader.readexactly(len(allowed)) == allowed
    assert await reader.readuntil(b"\r\n\r\n")
    assert len(await reader.readexactly(5)) == 5
    writer.close()
    await writer.wait_closed()


async def test_requests_without_a_pause_are_answered_in_turn(service: int) -> None:
    """More than the kernel takes at once."""
    sizes = [100, 1 << 20, 0, 300_000, 5]
    reader, writer = await asyncio.open_connection("127.0.0.1", service)
    writer.writelines([request("GET", size) for size in sizes])
    writer.write(request("GET", 7, close=True))
    for size in [*sizes, 7]:
        head = await reader.readuntil(b"\r\n\r\n")
        assert response_length(head) == len(head) + size
        await reader.readexactly(size)
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    "data",
    [b"?", b"GET /x HTTP/1.1\r\n\r\n", b"PUT / HTTP/1.1\r\n\r\n", b"G" * (1 << 20)],
    ids=["unknown", "without a size", "without a length", "a head too long"],
)
async def test_what_is_not_understood_ends_the_connection(data: bytes, service: int) -> None:
    with suppress(OSError):  # reset before all of it was sent
        assert await exchange(service, data) == b""
    assert await exchange(service, b"ex") == b"x"


@pytest.mark.parametrize("size", [0, 10, 1 << 18, (1 << 20) + 1])
async def test_a_get_is_answered_as_by_python(
    size: int, service: int, python_service: tuple[str, int]
) -> None:
    asked = request("GET", size, close=True)
    answer, expected = [await exchange(port, asked) for port in (service, python_service[1])]
    assert len(answer) == response_length(answer)
    assert answer[: len(answer) - size] == expected[: expected.index(b"\r\n\r\n") + 4]


# How it is compiled


def test_it_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require()
    monkeypatch.setattr(native, "FOLDER", tmp_path / "build")
    made = native.program()
    assert made is not None
    monkeypatch.setattr(subprocess, "run", None)
    assert native.program() == made
    assert list((tmp_path / "build").iterdir()) == [made]


def test_the_compiler_has_nothing_to_warn_of(tmp_path: Path) -> None:
    require()
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *flags, "-o", str(tmp_path / "native"), str(native.SOURCE)], check=True)


def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")


def no_linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")


def no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(native, "FOLDER", tmp_path / "file" / "build")


def no_headers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "native.c"
    source.write_text("#include <no-such-header.h>")
    monkeypatch.setattr(native, "SOURCE", source)


@pytest.mark.parametrize(
    ("absent", "why"),
    [
        (no_compiler, "there is no C compiler"),
        (no_linux, "it needs Linux, this is darwin"),
        (no_folder, "Not a directory"),
        (no_headers, "no-such-header.h"),
    ],
)
def test_without_it_python_does_all(
    absent: Callable[[pytest.MonkeyPatch, Path], None],
    why: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if absent is not no_linux:
        require()
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    absent(monkeypatch, tmp_path)
    assert native.program() is None
    assert why in capsys.readouterr().err
    assert native.command("ping", None)[1:] == ["-m", "bench.loadgen", "ping"]
