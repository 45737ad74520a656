"""tcpmux proxies through a whole tunnel: CONNECT requests of users, judged before anything is answered."""

from __future__ import annotations

import base64
import contextlib

import pytest

from aiofrp.server.vhost import connections as vhostuser
from tests.support.ports import free_port
from tests.support.tunnel import Handler, echo
from tests.support.vhosts import Proxy, refusals, rig
from tests.support.web import recording, talk, user_of

OPEN = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
REFUSED = recording("tcpmux_200_then_407")[1].removeprefix(OPEN)


def naming(name: str) -> Handler:
    """An echo service that says its name first."""

    async def serve(reader, writer) -> None:  # type: ignore[no-untyped-def]
        writer.write(name.encode() + b":")
        await echo(reader, writer)

    return serve


def tcpmux(service: str, domain: str, *lines: str) -> Proxy:
    return Proxy(service, "tcpmux", ('multiplexer = "httpconnect"', f'customDomains = ["{domain}"]', *lines))


def connect(host: str, *fields: str, version: str = "1.1") -> bytes:
    return "\r\n".join([f"CONNECT {host} HTTP/{version}", *fields, "", ""]).encode()


def basic(text: str) -> str:
    return "Proxy-Authorization: Basic " + base64.b64encode(text.encode()).decode()


async def test_the_recorded_answers() -> None:
    port = free_port()
    proxies = {
        "a": tcpmux("echo", "mux.test", 'httpUser = "ru"', 'httpPassword = "rp"'),
        "b": tcpmux("echo", "mux2.test"),
    }
    async with rig({"echo": echo}, proxies, [f"tcpmuxHTTPConnectPort = {port}"]):
        sent, received, end = recording("tcpmux_404")
        assert end == "EOF"
        assert await talk(port, sent) == received
        sent, received, _ = recording("tcpmux_200")
        async with user_of(port) as user:
            user.send(sent)
            assert await user.read_until(b"\r\n\r\n") == received
        sent, received, _ = recording("tcpmux_200_then_407")
        assert await talk(port, sent) == received.removeprefix(OPEN)  # no 200 before the credential is judged


@pytest.mark.parametrize(
    "request_",
    [connect("test1"), connect("TEST1.:22", version="1.0"), connect("test1:80", "Host: elsewhere")],
)
async def test_the_request_names_the_host_with_or_without_a_host_field(request_: bytes) -> None:
    port = free_port()
    services = {name: naming(name) for name in ("one", "two")}
    proxies = {"a": tcpmux("one", "test1"), "b": tcpmux("two", "elsewhere")}
    async with rig(services, proxies, [f"tcpmuxHTTPConnectPort = {port}"]), user_of(port) as user:
        user.send(request_ + b"sent along")
        user.writer.write_eof()
        assert await user.rest() == OPEN + b"one:sent along"


async def test_with_passthrough_the_service_gets_the_request_itself() -> None:
    port = free_port()
    request = connect("test1:80", "X-Odd:  y ", basic("u:p"))
    options = [f"tcpmuxHTTPConnectPort = {port}", "tcpmuxPassthrough = true"]
    proxies = {"a": tcpmux("echo", "test1", 'httpUser = "u"', 'httpPassword = "p"')}
    async with rig({"echo": echo}, proxies, options):
        async with user_of(port) as user:
            user.send(request + b"and more")
            user.writer.write_eof()
            assert await user.rest() == request + b"and more"
        assert await talk(port, connect("test1", basic("u:x"))) == REFUSED


async def test_users_and_credentials() -> None:
    port = free_port()
    services = {name: naming(name) for name in ("me", "all", "safe")}
    proxies = {
        "a": tcpmux("me", "mux.test", 'routeByHTTPUser = "me"'),
        "b": tcpmux("all", "mux.test"),
        "c": tcpmux("safe", "safe.test", 'httpUser = "u"', 'httpPassword = "p"'),
    }
    async with rig(services, proxies, [f"tcpmuxHTTPConnectPort = {port}"]):
        for request, service in (
            (connect("mux.test", basic("me:anything")), "me"),
            (connect("mux.test", basic("you:anything")), "all"),
            (connect("mux.test"), "all"),
            (connect("safe.test", basic("u:p")), "safe"),
        ):
            async with user_of(port) as user:
                user.send(request)
                user.writer.write_eof()
                assert await user.rest() == OPEN + service.encode() + b":"
        for fields in (
            (),
            (basic("u:"),),
            (basic("x:p"),),
            ("Authorization: Basic dTpw",),
            (basic("u:x"), basic("u:p")),
        ):
            assert await talk(port, connect("safe.test", *fields)) == REFUSED


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: mux.test\r\n\r\n",
        b"CONNECT mux.test HTTP/1.1\nHost: x\n\n",
        b"CONNECT mux.test\r\n\r\n",
        b"CONNECT /mux.test HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x00\x05\r\n\r\n",
        b"CONNECT mux.test HTTP/1.1\r\nX: " + bytes(70_000),
    ],
)
async def test_anything_else_is_closed_without_a_word(data: bytes) -> None:
    port = free_port()
    async with rig({"echo": echo}, {"a": tcpmux("echo", "*")}, [f"tcpmuxHTTPConnectPort = {port}"]):
        with contextlib.suppress(ConnectionResetError):  # what was not read
            assert await talk(port, data) == b""


async def test_users_that_are_slow_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vhostuser, "HELLO_TIMEOUT", 0.2)
    port = free_port()
    async with (
        rig({"echo": echo}, {"a": tcpmux("echo", "*")}, [f"tcpmuxHTTPConnectPort = {port}"]),
        user_of(port) as user,
    ):
        user.send(b"CONNECT mux.test HTTP/1.1\r\n")
        with pytest.raises(ConnectionResetError):
            await user.rest()


async def test_refusals() -> None:
    proxies = {"a": tcpmux("echo", "mux.test")}
    async with rig({"echo": echo}, proxies) as running:
        text = (
            "tcpmux with multiplexer httpconnect not supported because this feature is not enabled in server"
        )
        assert refusals(running.client) == {"a": text}
    proxies = {"a": tcpmux("echo", "mux.test"), "b": tcpmux("echo", "MUX.test")}
    async with rig({"echo": echo}, proxies, [f"tcpmuxHTTPConnectPort = {free_port()}"]) as running:
        assert refusals(running.client) == {"a": "", "b": "router config conflict"}
