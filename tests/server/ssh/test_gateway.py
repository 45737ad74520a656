"""The SSH tunnel gateway with an SSH client in the same loop: logins, proxies, refusals, ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import asyncssh
import pytest

from aiofrp.server.service import Server
from aiofrp.server.session import probe
from aiofrp.server.session.control import ServerControl
from aiofrp.server.ssh import live, tunnel
from aiofrp.server.ssh import session as session_module
from aiofrp.server.ssh.gateway import SshTransport
from tests.server.ssh.test_command import recorded
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.sshclient import TOKEN, ssh
from tests.support.tunnel import echo, exchange, local_service, running_server, server_config


async def test_a_tcp_tunnel_carries_users_both_ways(server: Server, port: int) -> None:
    remote = free_port()
    data = bytes(range(256)) * 4096
    async with local_service(echo) as target, ssh(port) as client:
        address = await client.publish(f"tcp --token {TOKEN} --remote_port {remote} --proxy_name a", target)
        assert address == f":{remote}"
        assert await exchange(remote, data) == data  # with a half-close
        results = await asyncio.gather(*(exchange(remote, data[:size]) for size in range(0, 40000, 997)))
        assert [len(result) for result in results] == list(range(0, 40000, 997))
        sessions = server.tables.sessions.all()
        assert [session.login.client_spec.type for session in sessions] == ["ssh-tunnel"]
    await until(lambda: not server.tables.sessions.all() and not len(server.proxies))
    with pytest.raises(ConnectionRefusedError):  # the proxy is gone with its client
        await exchange(remote, b"x")


@pytest.mark.parametrize("name", ["bad_flag", "bad_type", "bad_value", "bad_token"])
async def test_refusals_are_as_recorded_with_an_exit_status(server: Server, port: int, name: str) -> None:
    command, answer = recorded(name)
    async with ssh(port) as client:
        await client.forward(1)
        assert await client.answer(command) == (answer, 1)


async def test_what_frps_refuses_is_shown_as_recorded(server: Server, port: int) -> None:
    command, answer = recorded("mux_missing")
    async with ssh(port) as client:
        await client.forward(1)
        assert await client.answer(command) == (answer, 1)


async def test_help_and_usage_end_with_a_status(server: Server, port: int) -> None:
    async with ssh(port) as client:
        text, status = await client.answer("tcp --help")
        assert (text.splitlines()[0], status) == ("Usage:", 0)
    async with ssh(port) as client:
        text, status = await client.answer(None)
        assert ("it has no shell" in text, status) == (True, 1)


async def test_without_forward_the_reason_is_said(
    server: Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tunnel, "FORWARD_AFTER", 0.05)
    async with ssh(port) as client:
        assert await client.answer("tcp") == (f"{tunnel.NO_FORWARD}\n", 1)


async def test_without_command_the_reason_is_said(
    server: Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    reasons: list[str] = []

    def end(transport: SshTransport, reason: str) -> None:
        reasons.append(reason)
        real(transport, reason)

    real = SshTransport.end
    monkeypatch.setattr(SshTransport, "end", end)
    monkeypatch.setattr(tunnel, "COMMAND_AFTER", 0.05)
    async with ssh(port) as client:
        await client.forward(1)
        await client.connection.wait_closed()
    assert reasons == [tunnel.NO_COMMAND]


async def test_one_connection_has_one_command(server: Server, port: int) -> None:
    async with local_service(echo) as target, ssh(port) as client:
        await client.publish(f"tcp --token {TOKEN}", target)
        text, status = await client.answer("tcp")
        assert ("has its command already" in text, status) == (True, 1)


async def test_a_client_may_close_its_session(server: Server, port: int) -> None:
    """Go's clients do so at once; the tunnel goes on."""
    remote = free_port()
    async with local_service(echo) as target, ssh(port) as client:
        await client.publish(f"tcp --token {TOKEN} -r {remote}", target)
        client.processes[0].close()
        await client.processes[0].wait_closed()
        assert await exchange(remote, b"still") == b"still"


async def test_several_forwards_have_a_proxy_each(server: Server, port: int) -> None:
    first, second, third = free_port(), free_port(), free_port()

    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read()).upper())

    async with local_service(echo) as target, local_service(shout) as other, ssh(port) as client:
        await client.forward(target, port=first)
        await client.forward(other, port=second)
        process = await client.run(f"tcp --token {TOKEN} -n a")
        assert f":{second}\n" in await client.text(process, f":{second}\n")
        assert [await exchange(port, b"x") for port in (first, second)] == [b"x", b"X"]
        late = await client.forward(other, port=third)  # while it runs
        assert "ProxyName: a-3" in await client.text(process, f":{third}\n")
        assert await exchange(third, b"x") == b"X"
        late.close()
        await until(lambda: len(server.proxies) == 2)
        assert await exchange(first, b"x") == b"x"


async def test_port_zero_of_a_forward_explains_itself(server: Server, port: int) -> None:
    async with local_service(echo) as target, ssh(port) as client:
        listener = await client.forward(target, port=0)
        assert listener.get_port() == 1
        remote = free_port()
        process = await client.run(f"tcp --token {TOKEN} -r {remote}")
        assert "users go to the RemoteAddress above" in await client.text(process, "above.\n")
        assert await exchange(remote, b"x") == b"x"


async def test_a_terminal_sees_its_tunnel_and_ends_it(
    server: Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVERY", 0.01)
    remote = free_port()
    async with local_service(echo) as target, ssh(port) as client:
        await client.forward(target)
        process = await client.run(f"tcp --token {TOKEN} -r {remote} --qr", terminal=True)
        assert f"Visit: 127.0.0.1:{remote}\r\n" in await client.text(process, "Connections: 0 open")
        await exchange(remote, b"x" * 2000)
        await client.text(process, "1 in all")
        process.stdin.write("\x03")
        done = await process.wait()
        assert done.exit_status == 130
        await until(lambda: not server.tables.sessions.all())


async def test_an_administrator_ends_a_tunnel_with_a_reason(server: Server, port: int) -> None:
    async with local_service(echo) as target, ssh(port) as client:
        await client.publish(f"tcp --token {TOKEN}", target)
        await server.tables.sessions.all()[0].close()
        done = await client.processes[0].wait()
        assert ("frps ended the session" in str(done.stdout), done.exit_status) == (True, 1)


async def test_a_service_that_is_down_ends_the_user_alone(server: Server, port: int) -> None:
    remote, closed = free_port(), free_port()
    async with ssh(port) as client:
        await client.publish(f"tcp --token {TOKEN} -r {remote}", closed)
        for _ in range(3):
            with suppress(ConnectionError):
                assert await exchange(remote, b"x") == b""
        assert client.owner.reason is None


async def test_the_pings_and_proofs_of_all_scopes(port: int, host_key: Path) -> None:
    config = server_config(
        f"""
        auth.token = "{TOKEN}"
        auth.additionalScopes = ["HeartBeats", "NewWorkConns"]
        transport.tcpMux = false
        sshTunnelGateway.bindPort = {port}
        sshTunnelGateway.autoGenPrivateKeyPath = "{host_key}"
        """
    )
    remote = free_port()
    async with running_server(config) as server, local_service(echo) as target, ssh(port) as client:
        await client.publish(f"tcp --token {TOKEN} -r {remote} -u bob --client-id laptop", target)
        assert await exchange(remote, b"x") == b"x"
        session = server.tables.sessions.all()[0]
        assert isinstance(session, ServerControl)
        assert (session.user, session.client_id) == ("bob", "laptop")
        before = session._last_ping
        session._last_ping -= 1000
        session.carrier.ping()  # type: ignore[attr-defined]
        await until(lambda: session._last_ping >= before)
        assert session.running


# Keys


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, asyncssh.SSHKey]:
    """Keys of two users, of one without a name, and one that may not log in; the file has the first three."""
    made = {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("alice", "bob", "", "mallory")}
    lines = []
    for name in ("alice", "bob", ""):
        kind, text, *_ = made[name].export_public_key().decode().split()
        lines.append(f"{kind} {text} {name}\n")
    (tmp_path / "authorized").write_text("".join(lines))
    return made


@pytest.fixture
async def keyed(
    port: int, tmp_path: Path, host_key: Path, keys: dict[str, asyncssh.SSHKey]
) -> AsyncIterator[Server]:
    config = server_config(
        f"""
        auth.token = "{TOKEN}"
        sshTunnelGateway.bindPort = {port}
        sshTunnelGateway.autoGenPrivateKeyPath = "{host_key}"
        sshTunnelGateway.authorizedKeysFile = "{tmp_path}/authorized"
        """
    )
    async with running_server(config) as server:
        yield server


async def test_a_key_replaces_the_token_and_names_the_user(
    keyed: Server, port: int, keys: dict[str, asyncssh.SSHKey]
) -> None:
    async with local_service(echo) as target:
        for name, user in (("alice", "alice"), ("", "carol")):
            remote = free_port()
            async with ssh(port, client_keys=[keys[name]]) as client:
                await client.publish(f"tcp --user carol -n a -r {remote}", target)
                session = keyed.tables.sessions.all()[0]
                assert session.user == user
                assert session.subject.startswith("ssh SHA256:")
                assert await exchange(remote, b"x") == b"x"
            await until(lambda: not keyed.tables.sessions.all())


async def test_other_keys_and_none_are_refused_and_the_file_counts_at_once(
    keyed: Server, port: int, keys: dict[str, asyncssh.SSHKey], tmp_path: Path
) -> None:
    for credential in ({"client_keys": [keys["mallory"]]}, {"password": "x"}, {}):
        with pytest.raises(asyncssh.PermissionDenied):
            async with ssh(port, local_addr=("127.0.0.2", 0), **credential):
                raise AssertionError
    (tmp_path / "authorized").write_text(keys["mallory"].export_public_key().decode())
    async with ssh(port, client_keys=[keys["mallory"]]) as client:
        assert (await client.answer("tcp --help"))[1] == 0
    (tmp_path / "authorized").unlink()
    with pytest.raises(asyncssh.PermissionDenied):
        async with ssh(port, local_addr=("127.0.0.3", 0), client_keys=[keys["mallory"]]):
            raise AssertionError


async def test_failed_keys_slow_down_their_address_alone(
    keyed: Server, port: int, keys: dict[str, asyncssh.SSHKey]
) -> None:
    reasons = []
    for _ in range(6):
        with pytest.raises(asyncssh.DisconnectError) as caught:
            async with ssh(port, local_addr=("127.0.0.2", 0), client_keys=[keys["mallory"]]):
                raise AssertionError
        reasons.append(str(caught.value))
    assert sum("too many failed logins from your address, try again in" in reason for reason in reasons) >= 2
    async with ssh(port, client_keys=[keys["bob"]]) as client:
        assert (await client.answer("tcp --help"))[1] == 0


async def test_a_connection_has_a_few_tries(keyed: Server, port: int) -> None:
    many = [asyncssh.generate_private_key("ssh-ed25519") for _ in range(10)]
    with pytest.raises(asyncssh.DisconnectError, match="too many keys were refused"):
        async with ssh(port, client_keys=many):
            raise AssertionError


async def test_a_dead_client_gives_way_to_its_next_login(
    server: Server, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "ANSWER_TIMEOUT", 0.3)
    monkeypatch.setattr(probe, "FRESH", 0.0)
    monkeypatch.setattr(session_module, "FRESH", 0.0)
    remote = free_port()
    async with local_service(echo) as target, ssh(port) as dead, ssh(port) as living:
        await dead.publish(f"tcp --token {TOKEN} -n a -r {remote}", target)
        await living.forward(target)
        text, _ = await living.answer(f"tcp --token {TOKEN} -n a -r {remote}")
        assert "already exists" in text
        dead.connection._transport.pause_reading()  # type: ignore[union-attr]
        async with ssh(port) as next_one:
            await next_one.publish(f"tcp --token {TOKEN} -n a -r {remote}", target)
            assert await exchange(remote, b"x") == b"x"
        dead.connection.abort()
