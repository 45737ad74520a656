"""Checks of the way to a server."""

from __future__ import annotations

import asyncio
import socket

import pytest

from aiofrp.cli.own.doctor import reach
from aiofrp.cli.own.doctor.report import Outcome, settled
from tests.support.services import silent
from tests.support.tunnel import running_server, server_config


async def test_names() -> None:
    assert (await reach.name("127.0.0.1", 1)).outcome is Outcome.NOTE
    assert (await reach.name("localhost", 1)).text.startswith("localhost is ")
    found = await reach.name("http://frp.test/x", 1)
    assert (found.outcome, found.fix) == (Outcome.PROBLEM, "write the name alone: frp.test")
    assert (await settled(reach.name("frp.invalid", 1))).text == "lookup frp.invalid: no such host"


async def test_tcp(free_port: int) -> None:
    with silent() as port:
        assert (await reach.tcp("127.0.0.1", port, 5)).text == f"127.0.0.1:{port} accepts connections"
        found = await reach.outbound_proxy(f"http://u:secret@127.0.0.1:{port}", 5)
        assert found.text == f"http://u:***@127.0.0.1:{port}: 127.0.0.1:{port} accepts connections"
    assert "connection refused" in (await settled(reach.tcp("127.0.0.1", free_port, 5))).text


async def test_quic_and_kcp(free_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for check in (reach.quic, reach.kcp, reach.udp_service):
        found = await settled(check("127.0.0.1", free_port))
        assert (found.outcome, "the port is closed" in found.text) == (Outcome.PROBLEM, True)
    async with running_server(server_config(f"quicBindPort = {free_port}")):
        assert (await reach.quic("127.0.0.1", free_port)).text == f"127.0.0.1:{free_port} (udp) speaks QUIC"
    monkeypatch.setattr(reach, "UDP_WAIT", 0.03)
    with socket.socket(type=socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        found = await reach.quic("127.0.0.1", port)
        assert (found.outcome, "no datagram came back" in found.text) == (Outcome.PROBLEM, True)
        assert (await reach.kcp("127.0.0.1", port)).outcome is Outcome.NOTE
        assert (await reach.udp_service("127.0.0.1", port)).outcome is Outcome.OK
        assert not await asyncio.to_thread(reach.is_free, socket.SOCK_DGRAM, "127.0.0.1", port)
    assert reach.is_free(socket.SOCK_DGRAM, "127.0.0.1", port)
