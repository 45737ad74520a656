"""The load generator against its own server, without a tunnel."""

from __future__ import annotations

import argparse
import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from bench import crowd, loadgen
from bench.crowd import RATE, Crowd
from bench.dialler import Dialler
from bench.figures import percentiles
from bench.payload import payload
from bench.server import serve
from tests.support.ports import free_port


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    """A running server's address."""
    target = "127.0.0.1", free_port()
    task = asyncio.create_task(serve(*target))
    while True:
        with suppress(ConnectionRefusedError):
            _, writer = await asyncio.open_connection(*target)
            writer.close()
            break
        await asyncio.sleep(0.001)
    yield target
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def options(connections: int = 2) -> argparse.Namespace:
    return argparse.Namespace(connections=connections, size=64, seconds=0.1)


@pytest.mark.parametrize("client", [loadgen.down, loadgen.up, loadgen.https])
async def test_bulk_moves_bytes(client: loadgen.Client, address: tuple[str, int]) -> None:
    figures = await client(address, options())
    assert figures["bytes"] > 1 << 20
    assert figures["MBps"] > 0


@pytest.mark.parametrize("client", [loadgen.ping, loadgen.udp])
async def test_round_trips_are_timed(client: loadgen.Client, address: tuple[str, int]) -> None:
    figures = await client(address, options())
    assert figures["per_s"] > 0
    assert 0 < figures["p50_us"] <= figures["p90_us"] <= figures["p99_us"]


async def test_a_crowd_of_datagrams_is_counted(address: tuple[str, int]) -> None:
    figures = await asyncio.to_thread(Crowd(address, 20, 64).run, 0.1)
    assert (figures["sent"], figures["lost"]) == (20 * RATE * 0.1, 0)


async def test_datagrams_to_nobody_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "_DRAIN", 0.01)
    figures = Crowd(("127.0.0.1", free_port()), 20, 64).run(0.1)
    assert figures["lost"] == figures["sent"] == 20 * RATE * 0.1


async def test_new_connections_are_counted(address: tuple[str, int]) -> None:
    dialler = Dialler(address)
    await asyncio.to_thread(dialler.run, 4, 0.1)
    assert len(dialler.times) > 4
    assert dialler.errors == 0


async def test_refused_connections_are_errors() -> None:
    dialler = Dialler(("127.0.0.1", free_port()))
    dialler.run(2, 0.05)
    assert not dialler.times
    assert dialler.errors > 0


async def test_held_connections_are_proved_twice(
    address: tuple[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    figures = await loadgen.hold(address, options(connections=100))
    assert (figures["opened"], figures["alive"]) == (100, 100)
    assert capsys.readouterr().err == "holding\n"


def test_payload_compresses_to_about_a_half() -> None:
    assert 0.4 < len(zlib.compress(payload())) / len(payload()) < 0.6


def test_percentiles() -> None:
    assert percentiles([n / 1e6 for n in range(101)])["p90_us"] == pytest.approx(90)
    assert percentiles([]) == {}
