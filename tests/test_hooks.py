"""``aiofrp.hooks``, and the example with accounts: inside a program, and as a plugin that uvicorn runs."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiofrp
from aiofrp.errors import FrpError
from aiofrp.hooks import ServerHooks
from aiofrp.server.hooks import Op
from tests.support.pluginservice import Asked, plugin_service
from tests.support.ports import free_port
from tests.support.procs import running
from tests.support.rawclient import login, raw_client
from tests.support.tunnel import PATIENCE, echo, exchange, local_service

EXAMPLES = Path(__file__).parent.parent / "examples" / "library"


def test_only_what_is_overridden_is_asked_about() -> None:
    class Watching(ServerHooks):
        async def close_proxy(self, message: object, client: object) -> None: ...

    class More(Watching):
        async def new_user_conn(self, user: object, client: object) -> None: ...

    assert ServerHooks().asked == frozenset()
    assert Watching().asked == {Op.CLOSE_PROXY}
    assert More().asked == {Op.CLOSE_PROXY, Op.NEW_USER_CONN}


def users(path: Path, ports: list[int]) -> Path:
    path.write_text(f'[alice]\npassword = "wonderland"\nports = {ports}\ndomains = ["alice.example.com"]\n')
    return path


def judged(server: str) -> Callable[..., Any]:
    """What a frps with accounts answers to clients of alice."""

    async def error(password: str = "wonderland", user: str = "alice", **proxy: Any) -> str:
        options = {"user": user, "metadatas": {"password": password}}
        try:
            async with aiofrp.expose(1, server, client=options, timeout=PATIENCE, **proxy) as tunnel:
                return f"at {tunnel.address.rpartition(':')[2]}"
        except FrpError as exc:
            return str(exc)

    return error


async def check(server: str, ports: list[int], local: int) -> None:
    """The rules of the example, at a frps that asks it."""
    error = judged(server)
    assert "user [mallory] is not known" in await error(user="mallory")
    assert "wrong password of user [alice]" in await error("guess")
    assert f"port 1 is not yours; yours are {ports}" in await error(remote_port=1)
    assert "domain bob.example.com is not yours" in await error(
        type="http", custom_domains=["bob.example.com"], remote_port=0
    )
    assert await error(remote_port=ports[1]) == f"at {ports[1]}"
    options = {"user": "alice", "metadatas": {"password": "wonderland"}}
    async with aiofrp.expose(local, server, client=options, timeout=PATIENCE, remote_port=0) as tunnel:
        assert tunnel.address.endswith(f":{ports[0]}")
        assert await exchange(ports[0], b"hello") == b"hello"


async def test_accounts_inside_a_program(tmp_path: Path) -> None:
    ports, port = [free_port(), free_port()], free_port()
    shutil.copy(EXAMPLES / "accounts.py", tmp_path)
    users(tmp_path / "users.toml", ports)
    command = [sys.executable, str(tmp_path / "accounts.py"), str(port)]
    async with running(command, tmp_path / "log") as program, local_service(echo) as local:
        await program.line("frps listens on")
        server = f"127.0.0.1:{port}"
        await check(server, ports, local)
        (tmp_path / "users.toml").write_text('[alice]\npassword = "changed"\n')
        assert "wrong password" in await judged(server)()


async def test_accounts_as_a_plugin_of_a_frps(tmp_path: Path) -> None:
    ports, port = [free_port(), free_port()], free_port()
    shutil.copy(EXAMPLES / "accounts.py", tmp_path)
    users(tmp_path / "users.toml", ports)
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--app-dir",
        str(tmp_path),
        "accounts:app",
        "--port",
        str(port),
    ]
    plugin = {
        "name": "accounts",
        "addr": f"127.0.0.1:{port}",
        "path": "/handler",
        "ops": ["Login", "NewProxy"],
    }
    options = {
        "bind_addr": "127.0.0.1",
        "bind_port": 0,
        "vhost_http_port": free_port(),
        "http_plugins": [plugin],
    }
    async with running(command, tmp_path / "log") as program:
        await program.line("Uvicorn running")
        async with aiofrp.Server(options) as server, local_service(echo) as local:
            await check(server.address, ports, local)


async def test_plugins_are_asked_before_hooks_and_hooks_about_what_they_left() -> None:
    seen: list[str] = []

    class Noting(ServerHooks):
        async def login(self, message: Any, address: str) -> Any:
            seen.append(message.user)
            return message

    async def rename(asked: Asked) -> Any:
        return {"content": asked.content | {"user": "renamed"}}

    async with plugin_service(rename) as plugin:
        table = {"name": "p", "addr": f"127.0.0.1:{plugin.port}", "path": "/", "ops": ["Login"]}
        options = {"bind_addr": "127.0.0.1", "bind_port": 0, "http_plugins": [table]}
        async with aiofrp.Server(options, hooks=Noting()) as server, raw_client(server.port) as raw:
            assert not (await raw.say(login(user="me"))).error  # type: ignore[union-attr]
    assert seen == ["renamed"]
