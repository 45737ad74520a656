"""The HTTP client of one plugin, against a service on a real socket."""

from __future__ import annotations

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from aiofrp.aio import Scope, Steps
from aiofrp.errors import FrpError
from aiofrp.server.plugins import caller
from aiofrp.server.plugins.caller import PluginCaller
from tests.support.certs import authority
from tests.support.pluginservice import Asked, PluginService, allow, hang, plugin_service, raw
from tests.support.ports import free_port

VECTORS = Path(__file__).parents[2] / "vectors" / "api"
ALLOWED = b'{"reject": false, "unchange": true}'


@asynccontextmanager
async def calling(
    addr: str, path: str = "/handler", *, tls_verify: bool = False
) -> AsyncIterator[PluginCaller]:
    scope = Scope("test")
    made = PluginCaller(addr, path, tls_verify=tls_verify, scope=scope)
    try:
        yield made
    finally:
        made.close()
        await scope.close()


def at(service: PluginService) -> str:
    return f"127.0.0.1:{service.port}"


async def test_a_request_has_the_fields_of_the_reference_in_their_order() -> None:
    async with plugin_service() as service, calling(at(service)) as made:
        body = VECTORS.joinpath("plugin_Ping.txt").read_bytes().partition(b"\n\n")[2].strip()
        assert await made.post("Ping", "20a316888aa9720f", body) == ALLOWED
        (asked,) = service.asked
        expected = VECTORS.joinpath("plugin_Ping.txt").read_text().partition("\n\n")[0]
        assert asked.head.rstrip("\r\n").split("\r\n") == expected.replace(
            "127.0.0.1:19000", at(service)
        ).split("\n")
        assert asked.body == body


async def test_connections_are_kept_and_those_about_users_apart() -> None:
    async with plugin_service() as service, calling(at(service)) as made:
        for for_user in (False, False, True, True, False):
            await made.post("Ping", "1", b"{}", for_user=for_user)
        first, second, third, fourth, fifth = [asked.port for asked in service.asked]
        assert first == second == fifth
        assert third == fourth != first
        service.drop_all()
        await made.post("Ping", "1", b"{}")
        assert len(service.asked) == 6


@pytest.mark.parametrize(
    ("addr", "path", "line"),
    [
        ("{}", "", "POST /?op=Ping&version=0.1.0 HTTP/1.1"),
        ("{}", "/a?b=c", "POST /a?b=c?op=Ping&version=0.1.0 HTTP/1.1"),
        ("http://{}/a", "/b c/ü", "POST /a/b%20c/%C3%BC?op=Ping&version=0.1.0 HTTP/1.1"),
        ("http://{}", "/a%2Fb", "POST /a%2Fb?op=Ping&version=0.1.0 HTTP/1.1"),
    ],
)
async def test_the_url_is_made_as_in_the_reference(addr: str, path: str, line: str) -> None:
    async with plugin_service() as service, calling(addr.format(at(service)), path) as made:
        await made.post("Ping", "1", b"{}")
        assert service.asked[0].line == line
        assert service.asked[0].field("Host") == at(service)


async def test_a_login_in_the_address_is_shown_to_the_plugin_and_in_no_text() -> None:
    async with plugin_service() as service, calling(f"http://me:s%3Acret@{at(service)}") as made:
        await made.post("Ping", "1", b"{}")
        login = base64.b64encode(b"me:s:cret").decode()
        assert service.asked[0].field("Authorization") == f"Basic {login}"
        assert service.asked[0].field("Host") == at(service)
    with pytest.raises(FrpError, match=r'Post "http://me:\*\*\*@127') as caught:
        async with calling(f"http://me:s%3Acret@127.0.0.1:{free_port()}") as made:
            await made.post("Ping", "1", b"{}")
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("addr", "error"),
    [
        (
            "127.0.0.1:{port}",
            'Post "http://127.0.0.1:{port}/handler?op=Ping&version=0.1.0": dial tcp .*: connection r',
        ),
        ("127.0.0.1:{port}x", "Port could not be cast"),
        ("127.0.0.1:99999", "Port out of range"),
        ("http://", "no Host in request URL"),
        ("", "no Host in request URL"),
        ("http://[::1", "Invalid IPv6 URL"),
        ("no-such-host.invalid:80", "no such host"),
    ],
)
async def test_an_address_where_nobody_is_fails_the_event(addr: str, error: str) -> None:
    port = free_port()
    async with calling(addr.format(port=port)) as made:
        for _ in range(2):
            with pytest.raises(FrpError, match=error.format(port=port).replace("?", r"\?")):
                await made.post("Ping", "1", b"{}")


async def test_no_answer_in_time_fails_the_event_and_drops_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(caller, "TIMEOUT", 1)
    async with plugin_service(hang) as service, calling(at(service)) as made:
        with pytest.raises(FrpError, match=r'^Post "http://.*": no answer within 1 s$'):
            await made.post("Ping", "1", b"{}")
        service.decide = allow
        assert await made.post("Ping", "1", b"{}") == ALLOWED
        assert service.asked[0].port != service.asked[-1].port


async def test_another_status_is_an_error_in_the_words_of_the_reference() -> None:
    async def fail(asked: Asked) -> Any:
        return raw({}, "500 Internal Server Error")

    async with plugin_service(fail) as service, calling(at(service)) as made:
        with pytest.raises(FrpError, match=r"^do http request error code: 500$"):
            await made.post("Ping", "1", b"{}")


# Redirects


@pytest.mark.parametrize(
    ("status", "method"), [("301", "GET"), ("302", "GET"), ("303", "GET"), ("307", "POST"), ("308", "POST")]
)
@pytest.mark.parametrize("elsewhere", [True, False])
async def test_redirects_are_followed_as_by_go(status: str, method: str, elsewhere: bool) -> None:
    async with (
        plugin_service() as target,
        plugin_service() as service,
        calling(f"http://u:p@{at(service)}") as made,
    ):
        to = f"http://{at(target)}/new?a=b" if elsewhere else "/new?a=b"

        async def redirect(asked: Asked) -> Any:
            if asked.line.startswith(("POST /handler", "GET /handler")):
                return raw({}, f"{status} Go", f"Location: {to}\r\n")
            return await allow(asked)

        service.decide = redirect
        assert await made.post("Ping", "abc", b'{"op":"Ping"}') == ALLOWED
        last = target.asked[0] if elsewhere else service.asked[1]
        assert last.line == f"{method} /new?a=b HTTP/1.1"
        assert last.body == (b'{"op":"Ping"}' if method == "POST" else b"")
        assert last.field("X-Frp-Reqid") == "abc"
        assert last.field("Content-Type") == ("application/json" if method == "POST" else "")
        assert last.field("Referer") == f"http://{at(service)}/handler?op=Ping&version=0.1.0"
        assert bool(last.field("Authorization")) is not elsewhere


async def test_redirects_without_an_end_or_to_nowhere_fail() -> None:
    location = "Location: /again\r\n"

    async def redirect(asked: Asked) -> Any:
        return raw({}, "302 Go", location)

    async with plugin_service(redirect) as service, calling(at(service)) as made:
        with pytest.raises(FrpError, match="stopped after 10 redirects"):
            await made.post("Ping", "1", b"{}")
        assert len(service.asked) == 11
        for location, error in (  # noqa: B007 - redirect uses it
            ("", "do http request error code: 302"),
            ("Location: ftp://x/\r\n", 'unsupported protocol scheme "ftp"'),
            ("Location: http://x:y/\r\n", "Port could not be cast"),
            ("Location: http://[\r\n", "Invalid IPv6"),
        ):
            with pytest.raises(FrpError, match=error):
                await made.post("Ping", "1", b"{}")


# HTTPS


async def test_a_certificate_is_verified_only_with_tls_verify(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tls = authority().server_context()
    async with plugin_service(tls=tls) as service:
        async with calling(f"https://{at(service)}") as made:
            assert await made.post("Ping", "1", b"{}") == ALLOWED
            assert await made.post("Ping", "1", b"{}") == ALLOWED
            assert len({asked.port for asked in service.asked}) == 1
        async with calling(f"https://{at(service)}", tls_verify=True) as made:
            with pytest.raises(FrpError, match="certificate"):
                await made.post("Ping", "1", b"{}")
        assert len(service.asked) == 2
        ca = tmp_path / "ca.pem"
        ca.write_bytes(authority().ca)
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        async with calling(f"https://{at(service)}", tls_verify=True) as made:
            assert await made.post("Ping", "1", b"{}") == ALLOWED
        async with calling(f"https://localhost:{service.port}", tls_verify=True) as made:
            with pytest.raises(FrpError, match="certificate"):  # it names another host
                await made.post("Ping", "1", b"{}")


async def test_a_redirect_from_http_to_https_is_verified() -> None:
    async with plugin_service(tls=authority().server_context()) as secure:

        async def redirect(asked: Asked) -> Any:
            return raw({}, "307 Go", f"Location: https://{at(secure)}/\r\n")

        async with plugin_service(redirect) as service, calling(at(service)) as made:
            with pytest.raises(FrpError, match="certificate"):
                await made.post("Ping", "1", b"{}")
        assert not secure.asked


async def test_a_plugin_that_hangs_in_the_handshake_fails_the_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caller, "DIAL_TIMEOUT", 0.1)
    silent = socket.create_server(("127.0.0.1", 0))  # the system accepts, and nobody answers
    with silent:
        async with calling(f"https://127.0.0.1:{silent.getsockname()[1]}") as made:
            with pytest.raises(FrpError, match=r"no answer to the TLS handshake within 0\.1 s"):
                await made.post("Ping", "1", b"{}")


async def test_an_event_that_waits_for_a_connection_fails_when_the_server_stops() -> None:
    connected: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    silent = await asyncio.start_server(lambda _, writer: connected.set_result(writer), "127.0.0.1", 0)
    scope = Scope("test")
    addr = f"https://127.0.0.1:{silent.sockets[0].getsockname()[1]}"
    made = PluginCaller(addr, "/", tls_verify=False, scope=scope)
    answers: list[object] = []
    async with silent:
        Steps(made.post("NewUserConn", "1", b"{}", for_user=True), answers.append, answers.append).go()
        writer = await connected
        await scope.close()
        made.close()
        await asyncio.sleep(0)
        writer.close()
    assert [str(answer).partition('": ')[2] for answer in answers] == ["the server stops"]
