"""A throw-away hook on frps: what it allows, changes, refuses, and whom it holds up when it hangs."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aiofrp.client.service import Client
from aiofrp.errors import AuthError, ProxyError
from aiofrp.host.user import UserInfo
from aiofrp.server.hooks import ClientInfo, NoHooks, Op, in_turn
from aiofrp.server.service import Server
from aiofrp.server.session.auth import SessionVerifier, TokenVerifier
from aiofrp.wire.frp.messages import (
    CloseProxy,
    Login,
    LoginResp,
    NewProxy,
    NewWorkConn,
    Ping,
    StartWorkConn,
)
from tests.support.ports import free_port
from tests.support.rawclient import login, raw_client, work
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

_Decide = Callable[[Any], Awaitable[Any]]


class Noting(NoHooks):
    """Asks ``decide`` about ``op`` and notes what was asked and of whom."""

    def __init__(self, op: Op, decide: _Decide) -> None:
        self.asked = {op}
        self._decide = decide
        self.seen: list[tuple[object, object]] = []

    async def _ask(self, message: Any, who: object) -> Any:
        self.seen.append((message, who))
        return await self._decide(message)

    async def login(self, message: Login, address: str) -> Login:
        found: Login = await self._ask(message, address)
        return found

    async def new_proxy(self, message: NewProxy, client: ClientInfo) -> NewProxy:
        found: NewProxy = await self._ask(message, client)
        return found

    async def close_proxy(self, message: CloseProxy, client: ClientInfo) -> None:
        await self._ask(message, client)

    async def ping(self, message: Ping, client: ClientInfo) -> Ping:
        found: Ping = await self._ask(message, client)
        return found

    async def new_work_conn(self, message: NewWorkConn, client: ClientInfo) -> NewWorkConn:
        found: NewWorkConn = await self._ask(message, client)
        return found

    async def new_user_conn(self, user: UserInfo, client: ClientInfo) -> None:
        await self._ask(user, client)


async def allow(message: Any) -> Any:
    return message


async def refuse(message: Any) -> Any:
    raise AuthError("not today")


async def hang(message: Any) -> Any:
    await asyncio.Event().wait()


async def mistake(message: Any) -> Any:
    raise ZeroDivisionError


@asynccontextmanager
async def hooked(op: Op, decide: _Decide, toml: str = "") -> AsyncIterator[tuple[Server, Noting]]:
    async with running_server(server_config(toml)) as server:
        hooks = Noting(op, decide)
        server.tables.hooks = hooks
        yield server, hooks


async def until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not done():
            await asyncio.sleep(0.01)


# Several hooks


async def test_hooks_in_turn_are_each_asked_about_what_the_one_before_left() -> None:
    async def more(message: Any) -> Any:
        return Ping(timestamp=message.timestamp + 1)

    client = ClientInfo("u", {}, "r")
    first, silent, second = Noting(Op.PING, more), Noting(Op.LOGIN, refuse), Noting(Op.PING, more)
    hooks = in_turn(first, silent, second)
    assert hooks.asked == {Op.PING, Op.LOGIN}
    assert await hooks.ping(Ping(timestamp=1), client) == Ping(timestamp=3)
    assert (first.seen[0][0], second.seen[0][0]) == (Ping(timestamp=1), Ping(timestamp=2))
    with pytest.raises(AuthError):
        await hooks.login(Login(), "")
    assert in_turn(first) is first
    assert not in_turn().asked


async def test_all_hooks_in_turn_note_the_end_of_a_proxy_and_users_are_asked_about_by_type() -> None:
    class Tcp(Noting):
        def asks_about_users(self, proxy_type: str) -> bool:
            return proxy_type == "tcp"

    client = ClientInfo("u", {}, "r")
    first, second = Noting(Op.CLOSE_PROXY, refuse), Noting(Op.CLOSE_PROXY, allow)
    with pytest.raises(AuthError):
        await in_turn(first, second).close_proxy(CloseProxy(), client)
    assert len(first.seen) == len(second.seen) == 1
    first, second = Tcp(Op.NEW_USER_CONN, allow), Tcp(Op.NEW_USER_CONN, allow)
    hooks = in_turn(first, second)
    assert hooks.asks_about_users("tcp")
    assert not hooks.asks_about_users("udp")
    await hooks.new_user_conn(UserInfo("p", "tcp", ("", 0)), client)
    await hooks.new_user_conn(UserInfo("p", "udp", ("", 0)), client)
    assert len(first.seen) == len(second.seen) == 1


# Messages of clients


async def test_a_login_is_changed_or_refused() -> None:
    async def rename(message: Login) -> Login:
        return Login(user="boss", privilege_key=message.privilege_key, timestamp=message.timestamp)

    async with hooked(Op.LOGIN, rename) as (server, hooks), raw_client(server.address[1]) as raw:
        answer = await raw.say(login(user="me"))
        assert isinstance(answer, LoginResp)
        assert not answer.error
        assert [session.user for session in server.tables.sessions.all()] == ["boss"]
        (_, address), *_ = hooks.seen
        assert str(address).startswith("127.0.0.1:")
    for decide, text in ((refuse, "not today"), (mistake, "internal error of the server")):
        async with hooked(Op.LOGIN, decide) as (server, _), raw_client(server.address[1]) as raw:
            assert await raw.say(login()) == LoginResp(version="0.70.1", error=text)
            assert len(server.tables.sessions) == 0


async def test_a_changed_login_must_still_show_the_token() -> None:
    async def blank(message: Login) -> Login:
        return Login()

    async with (
        hooked(Op.LOGIN, blank, 'auth.token = "t"\n') as (server, _),
        raw_client(server.address[1]) as raw,
    ):
        answer = await raw.say(login("t"))
        assert isinstance(answer, LoginResp)
        assert "token in login doesn't match" in answer.error


async def test_a_login_that_hangs_holds_up_nobody_else() -> None:
    async def hang_for_one(message: Login) -> Login:
        return await (hang if message.user == "slow" else allow)(message)  # type: ignore[no-any-return]

    async with hooked(Op.LOGIN, hang_for_one) as (server, hooks), raw_client(server.address[1]) as raw:
        slow = await raw.open()
        waiting = asyncio.create_task(slow.say(login(user="slow")))
        await until(lambda: len(hooks.seen) == 1)
        assert isinstance(await raw.say(login(user="quick")), LoginResp)
        assert not waiting.done()
        waiting.cancel()


async def test_a_proxy_is_changed_or_refused_and_its_end_is_told() -> None:
    remote, other = free_port(), free_port()
    proxy = (
        f'[[proxies]]\nname = "p"\ntype = "tcp"\nlocalPort = 1\nremotePort = {remote}\nmetadatas.a = "b"\n'
    )

    async def move(message: NewProxy) -> NewProxy:
        return NewProxy(proxy_name=message.proxy_name, proxy_type="tcp", remote_port=other)

    async with (
        hooked(Op.NEW_PROXY, move) as (server, hooks),
        running_client(client_config(server.address[1], 'user = "u"\nmetadatas.m = "1"\n' + proxy)) as client,
    ):
        assert [running.state.remote_addr for running in client.proxies.running()] == [f":{other}"]
        ((message, who),) = hooks.seen
        assert isinstance(message, NewProxy)
        assert (message.proxy_name, message.metas) == ("u.p", {"a": "b"})
        assert who == ClientInfo("u", {"m": "1"}, client.run_id)
        closing = Noting(Op.CLOSE_PROXY, refuse)
        server.tables.hooks = closing
        await client.proxies.update(())
        await until(lambda: bool(closing.seen))
        assert closing.seen == [(CloseProxy(proxy_name="u.p"), who)]
    async with (
        hooked(Op.NEW_PROXY, refuse) as (server, _),
        running_client(client_config(server.address[1], proxy)) as client,
    ):
        assert [running.state.error for running in client.proxies.running()] == ["not today"]
        assert len(server.proxies) == 0


@pytest.mark.parametrize(
    ("decide", "error"), [(allow, ""), (refuse, "not today"), (mistake, "internal error")]
)
async def test_a_ping_is_answered_as_the_hook_says(decide: _Decide, error: str) -> None:
    async with hooked(Op.PING, decide) as (server, hooks):
        config = client_config(server.address[1], "transport.heartbeatInterval = 1\n")
        async with running_client(config, settle=False) as client:
            await until(lambda: client._control is not None)
            control = client._control
            assert control is not None
            if error:
                await until(control.lost.done)
                assert error in str(control.lost.result())
            else:
                await until(lambda: len(hooks.seen) == 2)
                assert not control.lost.done()


async def test_a_work_connection_is_refused_or_waits_alone() -> None:
    async with hooked(Op.NEW_WORK_CONN, refuse) as (server, hooks), raw_client(server.address[1]) as raw:
        answer = await raw.say(login())
        assert isinstance(answer, LoginResp)
        assert await raw.say(work(answer.run_id)) == StartWorkConn(error="not today")
        hooks._decide = hang
        waits = await raw.open()
        waiting = asyncio.create_task(waits.say(work(answer.run_id)))
        await until(lambda: len(hooks.seen) == 2)
        hooks._decide = allow
        session = server.tables.sessions.find(answer.run_id)
        admitted = await raw.open()
        given = asyncio.create_task(admitted.say(work(answer.run_id)))
        await until(lambda: len(session.pool._idle) == 1)
        assert not waiting.done()
        await session.close()
        assert await waiting is None
        assert await given is None


# Users


def proxy(kind: str, local: int, remote: int) -> str:
    return f'[[proxies]]\nname = "p"\ntype = "{kind}"\nlocalPort = {local}\nremotePort = {remote}\n'


async def answers(port: int) -> bytes:
    try:
        return await exchange(port, b"hello")
    except ConnectionError:
        return b""


async def test_a_tcp_user_is_admitted_once_or_closed_without_a_byte() -> None:
    remote = free_port()
    async with (
        local_service(echo) as local,
        hooked(Op.NEW_USER_CONN, allow) as (server, hooks),
        running_client(client_config(server.address[1], proxy("tcp", local, remote))) as client,
    ):
        assert await answers(remote) == b"hello"
        ((user, who),) = hooks.seen
        assert isinstance(user, UserInfo)
        assert (user.proxy_name, user.proxy_type, user.address[0]) == ("p", "tcp", "127.0.0.1")
        assert who == ClientInfo("", {}, client.run_id)
        for decide in (refuse, mistake):
            hooks._decide = decide
            assert await answers(remote) == b""
        hooks._decide = allow
        assert await answers(remote) == b"hello"
        assert len(hooks.seen) == 4


async def test_a_hook_that_hangs_holds_up_that_user_alone_who_may_hang_up() -> None:
    remote = free_port()
    async with (
        local_service(echo) as local,
        hooked(Op.NEW_USER_CONN, hang) as (server, hooks),
        running_client(client_config(server.address[1], proxy("tcp", local, remote))) as client,
    ):
        gone, waits = [await asyncio.open_connection("127.0.0.1", remote) for _ in range(2)]
        for _, writer in (gone, waits):
            writer.write(b"early")
        await until(lambda: len(hooks.seen) == 2)
        gone[1].transport.abort()
        hooks._decide = allow
        assert await answers(remote) == b"hello"
        assert not waits[0]._buffer  # type: ignore[attr-defined]
        await session_of(server, client).close()
        waits[1].close()


def session_of(server: Server, client: Client) -> Any:
    return server.tables.sessions.find(client.run_id)


async def test_an_udp_user_is_admitted_once_and_what_he_sent_meanwhile_follows() -> None:
    remote = free_port()
    loop = asyncio.get_running_loop()
    release = asyncio.Event()

    async def wait(message: Any) -> Any:
        await release.wait()
        return message

    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, address: Any) -> None:
            self.transport.sendto(data, address)

    service, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
    local = service.get_extra_info("sockname")[1]
    user = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    user.setblocking(False)
    try:
        async with (
            hooked(Op.NEW_USER_CONN, wait) as (server, hooks),
            running_client(client_config(server.address[1], proxy("udp", local, remote))),
            asyncio.timeout(PATIENCE),
        ):
            for number in range(20):
                user.sendto(b"%d" % number, ("127.0.0.1", remote))
            await until(lambda: bool(hooks.seen))
            release.set()
            assert [await loop.sock_recv(user, 100) for _ in range(8)] == [b"%d" % n for n in range(8)]
            user.sendto(b"last", ("127.0.0.1", remote))
            assert await loop.sock_recv(user, 100) == b"last"
            assert len(hooks.seen) == 1
            hooks._decide = refuse
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                other.setblocking(False)
                for _ in range(3):
                    other.sendto(b"no", ("127.0.0.1", remote))
                await until(lambda: len(hooks.seen) == 2)
                user.sendto(b"again", ("127.0.0.1", remote))
                assert await loop.sock_recv(user, 100) == b"again"
                with pytest.raises(BlockingIOError):
                    other.recv(100)
            assert len(hooks.seen) == 2
    finally:
        user.close()
        service.close()


async def test_each_request_on_http_is_judged_and_a_visitor_like_a_user() -> None:
    web, visited = free_port(), free_port()
    requests = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    async with (
        local_service(serve) as site,
        local_service(echo) as local,
        hooked(Op.NEW_USER_CONN, allow, f"vhostHTTPPort = {web}\n") as (server, hooks),
        running_client(
            client_config(
                server.address[1],
                f'[[proxies]]\nname = "w"\ntype = "http"\nlocalPort = {site}\ncustomDomains = ["a.test"]\n'
                f'[[proxies]]\nname = "s"\ntype = "stcp"\nlocalPort = {local}\nsecretKey = "k"\n'
                f'[[visitors]]\nname = "v"\ntype = "stcp"\nserverName = "s"\nsecretKey = "k"\nbindPort = {visited}\n',
            )
        ),
        asyncio.timeout(PATIENCE),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", web)
        for count in (1, 2):
            writer.write(requests)
            assert await reader.readuntil(b"ok")
            assert len(hooks.seen) == count
        hooks._decide = refuse
        writer.write(requests)
        assert not (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200")
        writer.close()
        assert await answers(visited) == b""
        hooks._decide = allow
        assert await answers(visited) == b"hello"
        kinds = [user.proxy_type for user, _ in hooks.seen if isinstance(user, UserInfo)]
        assert kinds == ["http", "http", "http", "stcp", "stcp"]


# What nobody is asked about costs nothing


@pytest.mark.parametrize("checked", [False, True], ids=["opened", "pooled"])
async def test_a_user_and_a_work_connection_cost_no_task(checked: bool) -> None:
    remote = free_port()
    scope = 'auth.additionalScopes = ["NewWorkConns"]\n' if checked else ""  # frps opens none then
    pooled = 20 if checked else 0
    async with (
        local_service(echo) as local,
        running_server(server_config(f"{scope}transport.maxPoolCount = 20\n")) as server,
        running_client(
            client_config(
                server.address[1], f"{scope}transport.poolCount = 20\n" + proxy("tcp", local, remote)
            )
        ) as client,
    ):
        session = session_of(server, client)
        await until(lambda: len(session.pool._idle) >= pooled)
        started: list[str] = []
        loop = asyncio.get_running_loop()

        def note(loop: asyncio.AbstractEventLoop, coro: Any, **rest: Any) -> asyncio.Task[Any]:
            started.append(coro.cr_code.co_filename)
            return asyncio.Task(coro, loop=loop, **rest)

        begin = asyncio.Event()

        async def use() -> bytes:
            await begin.wait()
            return await answers(remote)

        users = [asyncio.create_task(use()) for _ in range(10)]
        loop.set_task_factory(note)
        begin.set()
        assert await asyncio.gather(*users) == [b"hello"] * 10
        await until(lambda: len(session.pool._idle) >= pooled)
        assert not [file for file in started if "/aiofrp/" in file]
        await asyncio.create_task(use())
        assert __file__ in started  # tasks are noted, else the test has shown nothing
        loop.set_task_factory(None)


async def test_a_verifier_that_waits_is_awaited_for_work_connections() -> None:
    class Slow:
        """Verifies like the token, a little later."""

        subject = ""

        def __init__(self) -> None:
            self._token = TokenVerifier("", ())
            self.asked: list[str] = []

        async def login(self, message: Login) -> SessionVerifier:
            await asyncio.sleep(0)
            await self._token.login(message)
            return self

        async def ping(self, message: Ping) -> None:
            await self._token.ping(message)

        async def work_connection(self, message: NewWorkConn, *, required: bool = False) -> None:
            self.asked.append("work")
            await asyncio.sleep(0)
            if message.timestamp == 5:
                raise ProxyError("too old")

    async with running_server(server_config()) as server, raw_client(server.address[1]) as raw:
        slow = server.tables.verifier = Slow()
        answer = await raw.say(login())
        assert isinstance(answer, LoginResp)
        run_id = answer.run_id
        assert await raw.say(NewWorkConn(run_id=run_id, timestamp=5)) == StartWorkConn(error="too old")
        given = asyncio.create_task((await raw.open()).say(NewWorkConn(run_id=run_id)))
        session = server.tables.sessions.find(run_id)
        await until(lambda: len(session.pool._idle) == 1)
        assert slow.asked == ["work", "work"]
        await session.close()
        assert await given is None


async def test_a_ping_that_a_slow_verifier_refuses_ends_the_session(caplog: pytest.LogCaptureFixture) -> None:
    class Expired(TokenVerifier):
        async def ping(self, message: Ping) -> None:
            await asyncio.sleep(0)
            raise AuthError("expired")

    ended = "session ended: pong message contains error: expired"
    async with running_server(server_config()) as server:
        server.tables.verifier = Expired("", ())
        config = client_config(server.address[1], "transport.heartbeatInterval = 1\n")
        async with running_client(config, settle=False):
            await until(lambda: any(ended in record.getMessage() for record in caplog.records))
