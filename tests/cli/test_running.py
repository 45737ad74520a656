"""Both programs as they run: start, signals, reload, many clients in one process, the commands for a running frpc."""

from __future__ import annotations

import asyncio
import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.procs import PATIENCE, command, frpc, frps, running
from tests.support.tunnel import echo, exchange, local_service

SERVER = 'bindAddr = "127.0.0.1"\nbindPort = {port}\n'
CLIENT = 'serverAddr = "127.0.0.1"\nserverPort = {port}\n'
PROXY = '[[proxies]]\nname = "{name}"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'

Ports = Callable[[], int]


async def run(*arguments: str, program: str = "frpc", side: str = "ours") -> tuple[int, str]:
    """Run a command to its end: exit code and output."""
    words = command("frps" if program == "frps" else "frpc", "ours" if side == "ours" else "go")
    process = await asyncio.create_subprocess_exec(
        *words, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(PATIENCE):
        output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_both_programs_from_flags_alone(tmp_path: Path, free_ports: Ports) -> None:
    port, remote = free_ports(), free_ports()
    async with AsyncExitStack() as stack:
        local = await stack.enter_async_context(local_service(echo))
        flags = ["--bind_addr=127.0.0.1", "-p", str(port), "-t", "secret", "--allow_ports", f"{remote}"]
        server = await stack.enter_async_context(running([*command("frps"), *flags], tmp_path / "frps"))
        await server.line("frps started successfully")
        line = ["tcp", "-n", "a", "-P", str(port), "-t", "secret", "-l", str(local), "-r", str(remote)]
        client = await stack.enter_async_context(running([*command("frpc"), *line], tmp_path / "frpc"))
        await client.line(r"\[a\] start proxy success")
        assert await exchange(remote, b"hello") == b"hello"
        assert await client.stop() == 0
        assert await server.stop() == 0
    lines = server.text.splitlines()
    assert lines[0].endswith("] frps uses command line arguments for config")
    assert lines[1].endswith(f"] frps tcp listen on 127.0.0.1:{port}")
    assert lines[2].endswith("] frps started successfully")
    assert "start frpc service" not in client.text


async def test_the_commands_for_a_running_frpc(tmp_path: Path, free_ports: Ports) -> None:
    port, web, remote, moved = (free_ports() for _ in range(4))
    common = CLIENT.format(port=port) + f"webServer = {{ port = {web}, user = 'u', password = 'p' }}\n"
    async with (
        frps(tmp_path, SERVER.format(port=port)),
        frpc(tmp_path, common + PROXY.format(name="ssh", local=22, remote=remote)) as client,
    ):
        path = tmp_path / "frpc.toml"
        table = (
            "Proxy Status...\n\nTCP\n"
            f"Name  Status   LocalAddr     Plugin  RemoteAddr       Error  \n"
            f"ssh   running  127.0.0.1:22          127.0.0.1:{remote}         \n\n"
        )
        assert await run("status", "-c", str(path), "--api-timeout", "10s") == (0, table)
        if peers.find():
            assert await run("status", "-c", str(path), side="go") == (0, table)

        path.write_text(common + PROXY.format(name="ssh", local=22, remote=moved))
        assert await run("reload", "-c", str(path)) == (0, "reload success\n")
        await client.line("start proxy success", count=2)
        assert f"127.0.0.1:{moved}" in (await run("status", "-c", str(path)))[1]

        path.write_text(common + PROXY.format(name="ssh", local=99999, remote=moved))
        code, text = await run("reload", "-c", str(path))
        assert code == 1
        assert text.startswith(
            "api status code [400]\ninvalid argument: proxy ssh: localPort: localPort: port number"
        )
        await client.line(r"http response \[/api/reload\]: error: invalid argument: proxy ssh: ")

        other = tmp_path / "other.toml"
        other.write_text(f"webServer = {{ port = {web}, user = 'u', password = 'wrong' }}\n")
        code, text = await run("stop", "-c", str(other))
        assert (code, text.splitlines()[0]) == (1, "api status code [401]")
        assert await run("stop", "-c", str(path)) == (0, "stop success\n")
        assert await client.ended() == 0
        await client.line("frpc service for config file .* stopped")
        code, text = await run("status", "-c", str(path))
        refused = f"dial tcp 127.0.0.1:{web}: connect: connection refused"
        assert (code, text.splitlines()[0]) == (1, f'Get "http://127.0.0.1:{web}/api/status": {refused}')


async def test_a_hangup_signal_lets_frpc_load_its_file(tmp_path: Path, free_ports: Ports) -> None:
    port, remote = free_ports(), free_ports()
    common = CLIENT.format(port=port)
    async with frps(tmp_path, SERVER.format(port=port)), frpc(tmp_path, common, proxies=0) as client:
        path = tmp_path / "frpc.toml"
        path.write_text(common + PROXY.format(name="a", local=1, remote=remote) + "[unknown]\n")
        client.send(signal.SIGHUP)
        await client.line('reload failed, nothing is changed: json: unknown field "unknown"')
        path.write_text("user = 'me'\n" + common + PROXY.format(name="a", local=1, remote=remote))
        client.send(signal.SIGHUP)
        await client.line(r"these changes need a restart: \[user\]")
        await client.line("success reload conf")
        await client.line(r"\[a\] start proxy success")
        assert await client.stop() == 0


async def test_a_hangup_signal_lets_frps_load_its_file(tmp_path: Path, free_ports: Ports) -> None:
    port, other = free_ports(), free_ports()
    common = SERVER.format(port=port)
    secret = tmp_path / "token"
    secret.write_text(" new\n")
    async with frps(tmp_path, common) as server:
        path = tmp_path / "frps.toml"
        path.write_text(common + "allowPorts = 5\n")
        server.send(signal.SIGHUP)
        await server.line('reload failed, nothing is changed: field "allowPorts": ')
        source = f'auth.tokenSource = {{ type = "file", file = {{ path = "{secret}" }} }}\n'
        path.write_text(common + f"kcpBindPort = {other}\nlog.level = 'debug'\n" + source)
        server.send(signal.SIGHUP)
        await server.line(r"reload success, changed: \[auth.token auth.tokenSource log.level\]")
        await server.line(r"these changes need a restart: \[kcpBindPort\]")
        token = 'auth.token = "new"\n'
        async with frpc(tmp_path, CLIENT.format(port=port) + token, proxies=0):
            pass
        secret.unlink()
        server.send(signal.SIGHUP)
        await server.line(
            "reload failed, nothing is changed: failed to resolve auth.tokenSource: failed to read file"
        )
        assert await server.stop() == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_at_once(
    tmp_path: Path, free_ports: Ports, second: signal.Signals
) -> None:
    port, remote = free_ports(), free_ports()
    async with AsyncExitStack() as stack:
        local = await stack.enter_async_context(local_service(echo))
        server = await stack.enter_async_context(frps(tmp_path, SERVER.format(port=port)))
        proxy = PROXY.format(name="a", local=local, remote=remote)
        await stack.enter_async_context(frpc(tmp_path, CLIENT.format(port=port) + proxy))
        _, user = await asyncio.open_connection("127.0.0.1", remote)
        server.send(signal.SIGINT)
        await server.line(
            "frps waits up to 4 s for 1 running connections to end; a second signal ends it at once"
        )
        await server.line("proxy closing")
        assert server.running  # it waits for the user to leave
        server.send(second)
        assert await server.ended() == 128 + second
        user.transport.abort()


async def test_frps_that_waits_for_its_identity_provider_ends_at_once(tmp_path: Path, free_port: int) -> None:
    asked = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read(-1)

    async with local_service(silent) as port:
        oidc = (
            f'auth.method = "oidc"\nauth.oidc.issuer = "http://127.0.0.1:{port}"\nauth.oidc.audience = "a"\n'
        )
        path = tmp_path / "frps.toml"
        path.write_text(SERVER.format(port=free_port) + oidc)
        async with running([*command("frps"), "-c", str(path)], tmp_path / "frps.log") as server:
            async with asyncio.timeout(PATIENCE):
                await asked.wait()
            server.send(signal.SIGTERM)
            assert await server.ended() == 0


LOOK_UP_THAT_HANGS = """
import os, signal, socket, sys, time
from aiofrp.cli import frpc
ask = socket.getaddrinfo
def asked(host, *arguments, **options):
    if options.get("flags"):
        return ask(host, *arguments, **options)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(600)
socket.getaddrinfo = asked
sys.exit(frpc.main(["tcp", "-s", "slow.example.test", "-P", "7000", "-n", "a", "-l", "1", "-p", sys.argv[1]]))
"""


@pytest.mark.parametrize("protocol", ["tcp", "kcp", "quic"])
def test_a_look_up_that_hangs_does_not_hold_up_the_end(protocol: str) -> None:
    words = [sys.executable, "-c", LOOK_UP_THAT_HANGS, protocol]
    assert subprocess.run(words, check=False, timeout=100).returncode == 0


async def test_a_directory_of_configurations(tmp_path: Path, free_ports: Ports) -> None:
    port, first, second = free_ports(), free_ports(), free_ports()
    folder = tmp_path / "configs"
    (folder / "below").mkdir(parents=True)
    common = CLIENT.format(port=port)
    (folder / "a.toml").write_text(common + PROXY.format(name="a", local=1, remote=first))
    (folder / "below" / "b").write_text(common + PROXY.format(name="b", local=1, remote=second))
    (folder / "wrong.toml").write_text("nonsense\n")
    (folder / "refused.toml").write_text(common + 'auth.token = "wrong"\n')
    async with frps(tmp_path, SERVER.format(port=port)) as server:
        words = [*command("frpc"), "--config-dir", str(folder)]
        async with running(words, tmp_path / "frpc.log") as client:
            await client.line(r"\[a\] start proxy success")
            await client.line(r"\[b\] start proxy success")
            await client.line(f"frpc service error for config file .{folder}/wrong.toml.")
            await client.line(f"frpc service error for config file .{folder}/refused.toml.")
            (folder / "a.toml").write_text(common)
            client.send(signal.SIGHUP)
            await client.line(r"proxy removed: \[a\]")
            await client.line("success reload conf", count=2)
            assert await client.stop() == 0
        await server.line("client exit success", count=2)
    assert await run("--config-dir", str(tmp_path / "none")) == (
        0,
        f"no configuration files in {tmp_path}/none\n",
    )


async def test_taken_ports(tmp_path: Path, free_ports: Ports) -> None:
    port, web = free_ports(), free_ports()
    async with frps(tmp_path, SERVER.format(port=port)):
        code, text = await run("-c", str(tmp_path / "frps.toml"), program="frps")
        lines = text.splitlines()
        taken = "bind: address already in use"
        assert (code, lines[-2]) == (1, f"create server listener error, listen tcp 127.0.0.1:{port}: {taken}")
        assert lines[-1].startswith(f"hint: another program has the tcp port {port}. ")
        assert lines[-1].endswith("or choose another bindPort.")
        assert lines[0].endswith(f"frps uses config file: {tmp_path}/frps.toml")
        config = CLIENT.format(port=port) + f"webServer.port = {web}\n"
        async with frpc(tmp_path, config, proxies=0):
            code, text = await run("-c", str(tmp_path / "frpc.toml"))
            assert (code, text.splitlines()[-2]) == (1, f"listen tcp 127.0.0.1:{web}: {taken}")
            assert text.splitlines()[-1].endswith("or choose another webServer.port.")


async def test_logs_go_to_a_file(tmp_path: Path, free_ports: Ports) -> None:
    port, log = free_ports(), tmp_path / "logs" / "frps.log"
    text = SERVER.format(port=port) + f'log.to = "{log}"\n'
    (tmp_path / "frps.toml").write_text(text)
    words = [*command("frps"), "-c", str(tmp_path / "frps.toml")]
    async with running(words, tmp_path / "output") as server, asyncio.timeout(PATIENCE):
        while not log.exists() or "frps started successfully" not in log.read_text():
            await asyncio.sleep(0.01)
        assert await server.stop() == 0
    assert server.text == ""


async def test_a_token_from_a_command(tmp_path: Path, free_ports: Ports) -> None:
    port = free_ports()
    source = (
        'auth.tokenSource = { type = "exec", exec = { command = "/bin/sh", args = ["-c", "echo $WHO"], '
        'env = [{ name = "WHO", value = "me" }] } }\n'
    )
    async with frps(tmp_path, SERVER.format(port=port) + 'auth.token = "me"\n'):
        (tmp_path / "frpc.toml").write_text(CLIENT.format(port=port) + source)
        words = [*command("frpc"), "-c", str(tmp_path / "frpc.toml")]
        async with running([*words, "--allow_unsafe", "TokenSourceExec"], tmp_path / "frpc.log") as client:
            await client.line("login to server success")
        code, text = await run("-c", str(tmp_path / "frpc.toml"))
        assert (code, text.startswith('unsafe feature "TokenSourceExec" is not enabled.')) == (1, True)


@pytest.mark.skipif(not os.path.exists("/dev/tty"), reason="this system has no terminals")
@pytest.mark.parametrize("ignored", [False, True], ids=["attached", "nohup"])
async def test_a_terminal_that_is_closed(tmp_path: Path, free_port: int, ignored: bool) -> None:
    """The program ends with its terminal, unless it was told to outlive it."""
    (tmp_path / "frps.toml").write_text(SERVER.format(port=free_port))
    output = tmp_path / "output"
    setting = f"signal.signal(signal.SIGHUP, signal.{'SIG_IGN' if ignored else 'SIG_DFL'}); "
    code = (
        f"import os, signal, sys; {setting}os.dup2(os.open({str(output)!r}, os.O_WRONLY | os.O_CREAT), 1); "
        f"os.dup2(1, 2); from aiofrp.cli import frps; sys.exit(frps.main(['-c', {str(tmp_path / 'frps.toml')!r}]))"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-c", code])
    try:
        await said(output, "frps started successfully")
        os.close(terminal)
        if ignored:
            await said(output, "reload success")
            os.kill(pid, signal.SIGTERM)
        status = await asyncio.to_thread(os.waitpid, pid, 0)
        assert os.waitstatus_to_exitcode(status[1]) == 0
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        raise


@pytest.mark.skipif(shutil.which("bash") is None, reason="this system has no bash")
@pytest.mark.parametrize(("after", "stays"), [("", False), ("&", False), ("& disown", True)], ids=str)
async def test_a_shell_whose_terminal_is_closed(
    tmp_path: Path, free_port: int, after: str, stays: bool
) -> None:
    """As Go's: a job of the shell ends; a program that the shell has let go serves on without its terminal."""
    number, file = tmp_path / "pid", tmp_path / "frps.toml"
    file.write_text(SERVER.format(port=free_port))
    program = f"{sys.executable} -m aiofrp.cli.frps -c {file}"
    shell, terminal = pty.fork()
    if shell == 0:
        os.execvp("bash", ["bash", "--norc", "-i"])
    pid = 0
    try:
        os.write(terminal, f"sh -c 'echo $$ >{number}; exec {program}' {after}\n".encode())
        await accepting(free_port)
        pid = int(number.read_text())
        os.close(terminal)
        await asyncio.to_thread(os.waitpid, shell, 0)
        shell = 0
        if stays:
            for _ in range(3):
                await accepting(free_port)
            os.kill(pid, signal.SIGTERM)
        await gone(pid)
        pid = 0
    finally:
        for left in (shell, pid):
            if left:
                os.kill(left, signal.SIGKILL)


async def accepting(port: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.01)


async def gone(pid: int) -> None:
    """Wait until a process that is no child of ours has ended; one that nobody waited for has."""
    async with asyncio.timeout(PATIENCE):
        with suppress(OSError):
            while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z":
                await asyncio.sleep(0.01)


async def said(output: Path, text: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while not output.exists() or text not in output.read_text():
            await asyncio.sleep(0.01)
