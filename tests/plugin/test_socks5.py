"""The plugin socks5 through a whole tunnel: recorded conversations, targets that fail, users that do not finish."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from aiofrp.errors import ConnectFailed
from aiofrp.plugin import socks5
from aiofrp.transport import resolve as resolving
from aiofrp.transport.net import dial
from aiofrp.wire.socks5 import Socks5Connect, SocksReply
from tests.support.dns import name_server
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.tunnel import (
    PATIENCE,
    client_config,
    echo,
    exchange,
    local_service,
    running_client,
    running_server,
    server_config,
)

RECORDED = json.loads(
    (Path(__file__).parent.parent / "vectors" / "client-api" / "plugins-socks5.json").read_text()
)["socks5"]
LAYERS = "transport.useEncryption = true\ntransport.useCompression = true\n"
LIMIT = 'transport.bandwidthLimit = "9MB"\n'
LOGIN = 'username = "u"\npassword = "p"\n'
NO_LOGIN, CONNECT = b"\5\1\0", b"\5\1\0"
LOOPBACK = b"\1\x7f\0\0\1"
FAILED = bytes(1) + b"\1" + bytes(6)


def proxy(remote: int, more: str = "", options: str = "") -> str:
    return f"""
[[proxies]]
name = "socks"
type = "tcp"
remotePort = {remote}
{more}
[proxies.plugin]
type = "socks5"
{options}
"""


@asynccontextmanager
async def tunnel(more: str = "", options: str = "", top: str = "") -> AsyncIterator[int]:
    """The port of a proxy with the plugin; ``top``: other settings of frpc."""
    remote = free_port()
    async with running_server(server_config()) as server:
        config = client_config(server.address[1], top + proxy(remote, more, options))
        async with running_client(config):
            yield remote


@asynccontextmanager
async def no_names() -> AsyncIterator[str]:
    """The setting for a name server that knows none, so that no test asks the system's."""
    async with name_server({}) as server:
        yield f'dnsServer = "127.0.0.1:{server.port}"\n'


def to(port: int, address: bytes = LOOPBACK) -> bytes:
    """The request to connect to an encoded address."""
    return CONNECT + address + port.to_bytes(2, "big")


def named(name: bytes) -> bytes:
    return b"\3" + bytes((len(name),)) + name


class User:
    """A user's connection, read in pieces of known size."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def expect(self, data: bytes) -> None:
        async with asyncio.timeout(PATIENCE):
            assert await self.reader.readexactly(len(data)) == data

    def reset(self) -> None:
        """End the connection with RST."""
        self.writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.writer.transport.abort()

    async def rest(self) -> bytes:
        async with asyncio.timeout(PATIENCE):
            return await self.reader.read(-1)


@asynccontextmanager
async def user_of(port: int) -> AsyncIterator[User]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield User(reader, writer)
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["label"])
async def test_recorded_conversations(case: dict[str, Any]) -> None:
    """Byte for byte; the target's port, and the port from which it is reached, are those of this run."""
    bound: list[int] = []

    async def service(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bound.append(writer.get_extra_info("peername")[1])
        await reader.read()

    options = LOGIN if "credentials" in case["label"] else ""
    async with (
        local_service(service) as target,
        no_names() as top,
        tunnel(options=options, top=top) as remote,
        user_of(remote) as user,
    ):
        for sent, received in zip(case["sent_hex"], case["received_hex"], strict=True):
            data = bytes.fromhex(sent)
            if data.endswith(b"\x44\xc2"):
                data = data[:-2] + target.to_bytes(2, "big")
            user.writer.write(data)
            if received == "closed":
                assert await user.rest() == b""
            elif received.startswith("050000"):
                await until(lambda: bound)
                await user.expect(bytes.fromhex(received)[:-2] + bound[0].to_bytes(2, "big"))
            else:
                await user.expect(bytes.fromhex(received))


@pytest.mark.parametrize("more", ["", LAYERS, LIMIT], ids=["plain", "layers", "limit"])
async def test_everything_in_one_piece_with_what_is_for_the_target(more: str) -> None:
    """And a half-close: the target gets it, and its last bytes get back."""
    data = bytes(range(256)) * 512
    async with local_service(echo) as target, tunnel(more) as remote:
        answer = await exchange(remote, NO_LOGIN + to(target) + data)
        assert answer[:8] == b"\5\0\5\0\0" + LOOPBACK[:3]
        assert answer[12:] == data
        answers = await asyncio.gather(
            *(exchange(remote, NO_LOGIN + to(target) + b"%d" % number) for number in range(20))
        )
        assert [answer[12:] for answer in answers] == [b"%d" % number for number in range(20)]


async def test_our_own_client_reaches_an_ipv6_target_byte_by_byte() -> None:
    async with (
        local_service(echo, host="::1") as target,
        tunnel(options=LOGIN) as remote,
        user_of(remote) as user,
    ):
        conversation = Socks5Connect("::1", target, ("u", "p"))
        rest = None
        while rest is None:
            for byte in conversation.data_to_send():
                user.writer.write(bytes((byte,)))
                await user.writer.drain()
            async with asyncio.timeout(PATIENCE):
                rest = conversation.receive_data(await user.reader.read(1))
        user.writer.write(b"there")
        await user.expect(b"there")


async def test_names_are_asked_at_the_dns_server_of_frpc() -> None:
    async with (
        name_server({("far.test", "A"): ["127.0.0.1"]}) as dns,
        local_service(echo) as target,
        tunnel(top=f'dnsServer = "127.0.0.1:{dns.port}"\n') as remote,
    ):
        answer = await exchange(remote, NO_LOGIN + to(target, named(b"far.test")) + b"there")
        assert answer[12:] == b"there"
        assert ("far.test", "A") in dns.asked
        assert await exchange(remote, NO_LOGIN + to(target, named(b"gone.test"))) == b"\5\0\5\4" + FAILED


async def test_a_name_server_that_is_silent_holds_up_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the users of the proxy who ask for addresses, and not the look-ups of frpc itself."""
    asked: list[str] = []
    real = socket.getaddrinfo
    answer = asyncio.Event()
    loop = asyncio.get_running_loop()

    def silent(host: str, port: int, **more: Any) -> Any:
        if host != "slow.test" or "flags" in more:  # an address is recognised without asking
            return real(host, port, **more)
        asked.append(host)
        asyncio.run_coroutine_threadsafe(answer.wait(), loop).result(PATIENCE)
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    async with local_service(echo) as target, tunnel() as remote:
        slow = [
            asyncio.create_task(exchange(remote, NO_LOGIN + to(target, named(b"slow.test"))))
            for _ in range(resolving.USER_LOOKUPS + 4)
        ]
        await until(lambda: len(asked) == resolving.USER_LOOKUPS)
        assert (await exchange(remote, NO_LOGIN + to(target) + b"quick"))[12:] == b"quick"
        async with asyncio.timeout(PATIENCE):
            assert await resolving.resolve("localhost", 80)
        answer.set()
        assert set(await asyncio.gather(*slow)) == {b"\5\0\5\4" + FAILED}


async def test_of_too_many_targets_the_one_asked_for_first_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socks5, "MAX_DIALS", 3)
    dials = asyncio.Event()
    begun: list[str] = []

    async def silent(host: str, port: int, **more: Any) -> Any:
        if port != 1:
            return await real(host, port, **more)
        begun.append(host)
        await dials.wait()
        raise ConnectFailed("no answer")

    def reached(count: int) -> bool:
        return len(begun) == count

    real = dial
    monkeypatch.setattr(socks5, "dial", silent)
    monkeypatch.setattr(socks5, "dial_here", lambda *_: False)  # what is reached at once counts nowhere
    async with local_service(echo) as target, tunnel() as remote, contextlib.AsyncExitStack() as stack:
        users = []
        for number in range(4):
            users.append(await stack.enter_async_context(user_of(remote)))
            users[-1].writer.write(NO_LOGIN + to(1))
            await until(partial(reached, number + 1))
        with contextlib.suppress(ConnectionError):
            assert await users[0].rest() == b"\5\0"
        assert (await exchange(remote, NO_LOGIN + to(target) + b"quick"))[12:] == b"quick"
        with contextlib.suppress(ConnectionError):
            assert await users[1].rest() == b"\5\0"
        dials.set()
        for user in users[2:]:
            assert await user.rest() == b"\5\0\5\4" + FAILED


@pytest.mark.parametrize(
    ("address", "reply"),
    [
        (LOOPBACK + b"\0\1", SocksReply.CONNECTION_REFUSED),
        (named(b"localhost") + b"\0\1", SocksReply.CONNECTION_REFUSED),
        (b"\1\xff\xff\xff\xff\0\1", SocksReply.NETWORK_UNREACHABLE),
        (named(b"a..b") + b"\0\1", SocksReply.HOST_UNREACHABLE),
        (named(b"x" * 255) + b"\0\1", SocksReply.HOST_UNREACHABLE),
        (named("ü.invalid".encode()) + b"\0\1", SocksReply.HOST_UNREACHABLE),
        (named(b"[::1]") + b"\0\1", SocksReply.HOST_UNREACHABLE),
        (named(b"%s%n") + b"\0\1", SocksReply.HOST_UNREACHABLE),
    ],
)
async def test_targets_that_cannot_be_reached(
    address: bytes, reply: SocksReply, caplog: pytest.LogCaptureFixture
) -> None:
    async with local_service(echo) as target, no_names() as top, tunnel(top=top) as remote:
        answer = await exchange(remote, NO_LOGIN + CONNECT + address)
        if reply is SocksReply.NETWORK_UNREACHABLE:  # a system may say that it is forbidden
            assert answer[:3] + answer[4:] == b"\5\0\5" + FAILED
        else:
            assert answer == b"\5\0\5" + bytes((reply,)) + FAILED
        lines = [line for line in caplog.messages if "socks5: connect to [" in line]
        assert len(lines) == 1
        assert (await exchange(remote, NO_LOGIN + to(target) + b"up"))[12:] == b"up"


async def test_a_wrong_password_waits_and_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socks5, "WRONG_LOGIN_DELAY", PATIENCE)
    wrong, right = b"\5\1\2\1\1u\1x", b"\5\1\2\1\1u\1p"
    async with local_service(echo) as target, tunnel(options=LOGIN) as remote, user_of(remote) as guessing:
        guessing.writer.write(wrong + to(target))
        await guessing.expect(b"\5\2")
        assert (await exchange(remote, right + to(target) + b"in"))[14:] == b"in"
        assert not guessing.reader.at_eof()
        guessing.reset()
        monkeypatch.setattr(socks5, "WRONG_LOGIN_DELAY", 0.2)
        loop = asyncio.get_running_loop()
        before = loop.time()
        assert await exchange(remote, wrong) == b"\5\2\1\1"
        assert loop.time() - before > 0.19


async def test_a_guess_that_hangs_up_before_the_answer(caplog: pytest.LogCaptureFixture) -> None:
    async with tunnel(options=LOGIN) as remote:
        async with user_of(remote) as user:
            user.writer.write(b"\5\1\2\1\1u\1x")
            await user.expect(b"\5\2")
            user.reset()
        assert await exchange(remote, b"\5\1\0") == b"\5\xff"
        assert "wrong user name or password" in caplog.text


async def test_users_who_do_not_finish_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socks5, "CONVERSATION_TIMEOUT", 0.05)
    async with tunnel(options=LOGIN) as remote:
        for begin, answer in ((b"", b""), (b"\5", b""), (b"\5\1\2", b"\5\2"), (b"\5\1\2\1\xff", b"\5\2")):
            async with user_of(remote) as user:
                user.writer.write(begin)
                await user.expect(answer)
                with contextlib.suppress(ConnectionError):
                    assert await user.rest() == b""


async def test_of_too_many_conversations_the_oldest_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socks5, "MAX_CONVERSATIONS", 3)
    async with local_service(echo) as target, tunnel() as remote, contextlib.AsyncExitStack() as stack:
        users = [await stack.enter_async_context(user_of(remote)) for _ in range(5)]
        for user in users[2:]:
            user.writer.write(b"\5\1\0")
            await user.expect(b"\5\0")
        assert (await exchange(remote, NO_LOGIN + to(target) + b"new"))[12:] == b"new"
        for user in users[:3]:
            with contextlib.suppress(ConnectionError):
                assert await user.rest() == b""
        users[4].writer.write(to(target) + b"last")
        async with asyncio.timeout(PATIENCE):
            assert (await users[4].reader.readexactly(14))[10:] == b"last"


async def test_random_first_bytes() -> None:
    """Ten thousand of them, on few connections at a time, and the service is there as before."""
    rng = random.Random(5)
    async with local_service(echo) as target, tunnel() as remote:

        async def some(count: int) -> None:
            for _ in range(count):
                data = rng.randbytes(rng.randrange(1, 40))
                if rng.random() < 0.5:
                    data = rng.choice([b"\5", b"\5\1\0", b"\5\1\0\5\1\0", b"\5\1\0\5\1\0\1\x7f"]) + data
                with contextlib.suppress(ConnectionError):
                    await exchange(remote, data)

        await asyncio.gather(*(some(63) for _ in range(8)))
        assert (await exchange(remote, NO_LOGIN + to(target) + b"still"))[12:] == b"still"


async def test_a_target_that_ends_in_the_middle_ends_the_user() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(4)
        writer.write(b"half")

    async with local_service(half) as target, tunnel() as remote, user_of(remote) as user:
        user.writer.write(NO_LOGIN + to(target) + b"full")
        assert (await user.rest())[12:] == b"half"


async def test_a_target_that_speaks_first() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 ready")
        await reader.read()

    async with local_service(handler) as target, tunnel() as remote, user_of(remote) as user:
        user.writer.write(NO_LOGIN + to(target))
        async with asyncio.timeout(PATIENCE):
            assert (await user.reader.readexactly(21))[12:] == b"220 ready"


async def test_a_changed_plugin_replaces_the_old_one_and_running_connections_go_on() -> None:
    remote = free_port()
    old, new = b"\5\1\2\1\1u\1p", b"\5\1\2\1\1u\1q"
    async with local_service(echo) as target, running_server(server_config()) as server:
        config = client_config(server.address[1], proxy(remote, options=LOGIN))
        async with running_client(config) as client, user_of(remote) as user:
            user.writer.write(old + to(target) + b"before")
            await user.expect(b"\5\2\1\0\5\0\0\1\x7f\0\0\1")
            await user.reader.readexactly(2)
            await user.expect(b"before")
            changed = client_config(server.address[1], proxy(remote, options=LOGIN.replace('"p"', '"q"')))
            await client.proxies.update(changed.proxies)
            async with asyncio.timeout(PATIENCE):
                await client.proxies.settled()
            assert await exchange(remote, old) == b"\5\2\1\1"
            assert (await exchange(remote, new + to(target) + b"new"))[14:] == b"new"
            user.writer.write(b"after")
            await user.expect(b"after")


async def test_behind_a_secret_door() -> None:
    """A proxy of type stcp: who knows its key alone gets to the network."""
    door = free_port()
    text = f"""
[[proxies]]
name = "network"
type = "stcp"
secretKey = "secret"
[proxies.plugin]
type = "socks5"
[[visitors]]
name = "visitor"
type = "stcp"
serverName = "network"
secretKey = "secret"
bindPort = {door}
"""
    async with (
        local_service(echo) as target,
        running_server(server_config()) as server,
        running_client(client_config(server.address[1], text)) as client,
    ):
        await until(lambda: client.visitors.find("visitor"))
        assert (await exchange(door, NO_LOGIN + to(target) + b"there"))[12:] == b"there"
