"""The sudp proxy and its visitors through a whole tunnel, ours on every side."""

from __future__ import annotations

import asyncio

import pytest

from aiofrp import logs
from tests.e2e.test_stcp import layers, listening, meeting, proxy, visitor
from tests.e2e.test_udp import ask, udp_echo
from tests.support.ends import until
from tests.support.ports import free_port


@pytest.mark.parametrize(("inner", "outer"), [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(("owner", "guest"), [("v1", "v1"), ("v1", "v2"), ("v2", "v1"), ("v2", "v2")])
async def test_datagrams_find_their_way_over_every_mix(
    inner: bool, outer: bool, owner: str, guest: str
) -> None:
    port = free_port()
    speaks = 'transport.wireProtocol = "{}"\n'
    async with udp_echo() as (local, service):
        proxy_side = speaks.format(owner) + proxy(local, layers(inner, inner), kind="sudp")
        visitor_side = speaks.format(guest) + visitor(port, layers(outer, outer), kind="sudp")
        async with meeting(proxy_side, visitor_side) as (_, client):
            await listening(client)
            asked = [[b"%d-%d" % (user, turn) for turn in range(10)] for user in range(4)]
            assert await asyncio.gather(*(ask(port, *payloads) for payloads in asked)) == asked
            assert len(service.seen) == 4, "each user has a local socket of its own"


async def test_visitors_do_not_disturb_each_other() -> None:
    ports = [free_port(), free_port()]
    side = visitor(ports[0], kind="sudp") + visitor(ports[1], kind="sudp", name="w")
    async with udp_echo() as (local, _), meeting(proxy(local, kind="sudp"), side) as (_, client):
        await listening(client, "w")
        for _ in range(3):
            for port in ports:
                assert await ask(port, b"one", b"two") == [b"one", b"two"]


async def test_a_refused_visitor_tries_again_with_the_next_datagram(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logs, "SELDOM", logs.Rate(10, 1))  # both lines are counted
    port = free_port()
    refused = "custom listener for [secret] doesn't exist, try to reconnect"
    async with meeting("", visitor(port, kind="sudp")) as (_, client):
        await listening(client)
        for count in (1, 2):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await ask(port, b"lost")
            await until(lambda count=count: caplog.text.count(refused) == count)  # type: ignore[misc]  # bound now
    assert f"newVisitorConn to frps error: start new visitor connection error: {refused}" in caplog.text


async def test_a_visitor_needs_a_port(caplog: pytest.LogCaptureFixture) -> None:
    async with udp_echo() as (local, _), meeting(proxy(local, kind="sudp"), visitor(-1, kind="sudp")):
        await until(lambda: "start error: sudp ResolveUDPAddr error: address -1: invalid port" in caplog.text)


async def test_a_silent_connection_ends_and_the_next_datagram_opens_another(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    monkeypatch.setattr("aiofrp.proxy.datagrams.packets.SILENCE", 0.05)
    port = free_port()
    async with (
        udp_echo() as (local, _),
        meeting(proxy(local, kind="sudp"), visitor(port, kind="sudp")) as (
            _,
            client,
        ),
    ):
        await listening(client)
        for count in (1, 2):
            assert await ask(port, b"again") == [b"again"]
            await until(lambda count=count: caplog.text.count("worker is closed") == count)  # type: ignore[misc]
