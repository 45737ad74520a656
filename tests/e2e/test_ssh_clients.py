"""The SSH tunnel gateway with the SSH clients people have: OpenSSH, dropbear's, PuTTY's, and paramiko.

The documentation's commands are typed as they stand there, with this machine's ports.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from aiofrp.config.models.server import SshTunnelGateway
from aiofrp.server.service import Server
from aiofrp.server.ssh.keys import host_keys
from tests.support.ends import until
from tests.support.ports import free_port
from tests.support.procs import Program
from tests.support.realservices import needs
from tests.support.sshclient import TOKEN
from tests.support.tunnel import echo, exchange, local_service, running_server, server_config

Line = Callable[[int, int, str], list[str]]
#: The settings of OpenSSH that keep it from the files of whoever runs the tests.
QUIET = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
QUIET += ["-o", "LogLevel=ERROR", "-o", "BatchMode=yes"]


def openssh(port: int, target: int, command: str) -> list[str]:
    """As the documentation types it: the words of the command stand for themselves."""
    return [
        "ssh",
        *QUIET,
        "-R",
        f":80:127.0.0.1:{target}",
        "v0@127.0.0.1",
        "-p",
        str(port),
        *command.split(" "),
    ]


def openssh_in_terminal(port: int, target: int, command: str) -> list[str]:
    return [*openssh(port, target, "")[:-1], "-tt", command]


def dropbear(port: int, target: int, command: str) -> list[str]:
    return ["dbclient", "-y", "-y", "-R", f"80:127.0.0.1:{target}", "-p", str(port), "v0@127.0.0.1", command]


def plink(port: int, target: int, command: str) -> list[str]:
    forward = ["-R", f"80:127.0.0.1:{target}"]
    return ["plink", "-batch", "-no-antispoof", *forward, "-P", str(port), "v0@127.0.0.1", command]


CLIENTS = [
    pytest.param(openssh, marks=needs("ssh"), id="openssh"),
    pytest.param(openssh_in_terminal, marks=needs("ssh"), id="openssh-terminal"),
    pytest.param(dropbear, marks=needs("dbclient"), id="dropbear"),
    pytest.param(plink, marks=needs("plink"), id="plink"),
]


@pytest.fixture(scope="module")
def host_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("host") / "key"
    host_keys(SshTunnelGateway(auto_gen_private_key_path=str(path)))
    return path


@pytest.fixture
async def port(host_key: Path) -> AsyncIterator[int]:
    """The gateway's port of a frps in this loop."""
    port = free_port()
    config = server_config(
        f"""
        auth.token = "{TOKEN}"
        sshTunnelGateway.bindPort = {port}
        sshTunnelGateway.autoGenPrivateKeyPath = "{host_key}"
        """
    )
    async with running_server(config):
        yield port


def started(line: list[str], host_key: Path, output: Path) -> Program:
    """The client; PuTTY's gets the fingerprint of the host key, for it asks otherwise."""
    if line[0] == "plink":
        import asyncssh

        print_ = asyncssh.read_private_key(f"{host_key}_ed25519").get_fingerprint()
        line = [line[0], "-hostkey", print_, *line[1:]]
    return Program(line, output)


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_client_publishes_and_is_refused(
    port: int, host_key: Path, client: Line, tmp_path: Path
) -> None:
    remote = free_port()
    data = bytes(range(256)) * 400
    async with local_service(echo) as target:
        command = f"tcp --proxy_name test-tcp --remote_port {remote} --token {TOKEN}"
        program = started(client(port, target, command), host_key, tmp_path / "good")
        refused = started(client(port, target, "tcp --bogus"), host_key, tmp_path / "bad")
        try:
            await program.line(rf"RemoteAddress: :{remote}\b")
            assert await exchange(remote, data) == data
            assert "ProxyName: test-tcp" in program.text
            status = await refused.ended()
            assert "unknown flag: --bogus" in refused.text
            assert status == 1
        finally:
            await program.stop()
            await refused.stop()


async def test_paramiko(port: int, tmp_path: Path) -> None:
    paramiko = pytest.importorskip("paramiko")
    remote = free_port()
    shown: list[bytes] = []
    origins: list[tuple[str, int]] = []
    published, answered = threading.Event(), threading.Event()

    def serve() -> None:
        """Publish, then answer one user in capitals."""
        transport = paramiko.Transport(("127.0.0.1", port))
        transport.start_client(timeout=20)
        transport.auth_none("v0")
        transport.request_port_forward("", 80)
        session = transport.open_session()
        session.exec_command(f"tcp --token {TOKEN} --remote_port {remote}")
        while b"RemoteAddress" not in b"".join(shown):
            shown.append(session.recv(1000))
        published.set()
        channel = transport.accept(20)
        origins.append(channel.origin_addr)
        channel.sendall(channel.recv(100).upper())
        channel.close()
        answered.wait(20)
        transport.close()

    task = asyncio.create_task(asyncio.to_thread(serve))
    await until(published.is_set)
    assert await exchange(remote, b"paramiko") == b"PARAMIKO"
    answered.set()
    await task
    assert origins[0][0] == "127.0.0.1"


@needs("ssh", "ssh-keygen")
async def test_keys_and_known_hosts(host_key: Path, tmp_path: Path) -> None:
    """A key of ssh-keygen logs in; a client that knows the RSA host key only goes on with it."""
    port, remote = free_port(), free_port()
    key, known = tmp_path / "id", tmp_path / "known"
    made = Program(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f", str(key)], tmp_path / "made"
    )
    rsa = Program(["ssh-keygen", "-y", "-f", str(host_key)], tmp_path / "rsa")
    assert (await made.ended(), await rsa.ended()) == (0, 0)
    known.write_text(f"[127.0.0.1]:{port} {rsa.text}")
    config = server_config(
        f"""
        sshTunnelGateway.bindPort = {port}
        sshTunnelGateway.privateKeyFile = "{host_key}"
        sshTunnelGateway.authorizedKeysFile = "{key}.pub"
        """
    )
    line = ["ssh", "-F", "none", "-i", str(key), "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes"]
    async with running_server(config) as server, local_service(echo) as target:
        assert isinstance(server, Server)
        forward = ["-R", f"80:127.0.0.1:{target}", "v0@127.0.0.1", "-p", str(port)]
        program = Program([*line, *forward, "tcp", "-r", str(remote)], tmp_path / "out")
        try:
            await program.line("RemoteAddress")
            assert "User: bob" in program.text
            assert await exchange(remote, b"x") == b"x"
        finally:
            await program.stop()


def test_the_gateway_needs_a_free_port(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = server_config(
            f"""
            sshTunnelGateway.bindPort = {taken.getsockname()[1]}
            sshTunnelGateway.autoGenPrivateKeyPath = "{tmp_path}/key"
            """
        )

        async def start() -> None:
            async with running_server(config):
                raise AssertionError

        with pytest.raises(Exception, match=r"create ssh gateway error: .*address already in use"):
            asyncio.run(start())
