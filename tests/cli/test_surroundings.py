"""The programs without descriptors, with full disks, other encodings and stray signals."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.procs import Program, frpc, frps, running
from tests.support.services import tcp_echo
from tests.support.tunnel import exchange

pytestmark = pytest.mark.skipif(os.name == "nt", reason="descriptors and signals of POSIX")

NAME = "远程🖥"
FILE = f'user = "é"\n[[proxies]]\nname = "{NAME}"\ntype = "tcp"\nlocalPort = 1\n'


def frpc_line(*words: str) -> str:
    """A command for the shell."""
    return " ".join((sys.executable, "-m", "aiofrp.cli.frpc", *words))


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", line], capture_output=True, timeout=60, check=False, env={**os.environ, **environment}
    )


# Descriptors


CLOSED = ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full"]


@pytest.mark.parametrize("closed", CLOSED)
async def test_frps_serves_whatever_it_was_started_with(tmp_path: Path, closed: str) -> None:
    port, log = free_port(), tmp_path / "frps.log"
    file = tmp_path / "frps.toml"
    file.write_text(f'bindPort = {port}\nlog.to = "{log}"\n')
    line = f"exec {sys.executable} -m aiofrp.cli.frps -c {file} {closed}"
    async with running(["sh", "-c", line], tmp_path / "output") as program:
        await started(program, log)
        program.send(signal.SIGTERM)
        assert await program.ended() == 0
    assert not program.text


@pytest.mark.parametrize("closed", CLOSED)
async def test_frpc_runs_whatever_it_was_started_with(tmp_path: Path, closed: str) -> None:
    log, file = tmp_path / "frpc.log", tmp_path / "frpc.toml"
    where = f'serverAddr = "127.0.0.1"\nserverPort = {free_port()}\n'
    file.write_text(f'{where}loginFailExit = false\nlog.to = "{log}"\n')
    async with running(
        ["sh", "-c", f"exec {frpc_line('-c', str(file), closed)}"], tmp_path / "output"
    ) as program:
        await started(program, log, "connect to server error")
        program.send(signal.SIGTERM)
        assert await program.ended() == 0
    assert not program.text


def test_a_command_that_prints_a_token_has_all_descriptors(tmp_path: Path) -> None:
    script, seen, file = tmp_path / "token", tmp_path / "seen", tmp_path / "frpc.toml"
    script.write_text(f"#!/bin/sh\ncat\necho dropped >&2 && echo written >{seen}\necho secret\n")
    script.chmod(0o700)
    source = f'[auth.tokenSource]\ntype = "exec"\nexec.command = "{script}"\n'
    file.write_text(f'serverAddr = "127.0.0.1"\nserverPort = {free_port()}\n{source}')
    done = shell(frpc_line("-c", str(file), "--allow-unsafe", "TokenSourceExec", "<&-", "2>&-"))
    assert done.returncode == 1
    assert b"login to the server failed: dial tcp" in done.stdout
    assert seen.read_text() == "written\n"


async def started(program: Program, log: Path, line: str = "frps started successfully") -> None:
    async with asyncio.timeout(30):
        while not (log.exists() and line in log.read_text()):
            assert program.running, program.text
            await asyncio.sleep(0.01)


async def test_a_console_that_cannot_be_written_costs_lines_only(tmp_path: Path) -> None:
    port = free_port()
    file = tmp_path / "frps.toml"
    file.write_text(f"bindPort = {port}\n")
    line = f"exec {sys.executable} -m aiofrp.cli.frps -c {file} >/dev/full 2>&1"
    async with running(["sh", "-c", line], tmp_path / "output") as program:
        async with asyncio.timeout(30):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    break
                except OSError:
                    assert program.running
                    await asyncio.sleep(0.01)
        writer.close()
        program.send(signal.SIGTERM)
        assert await program.ended() == 0


@contextmanager
def a_pipe_nobody_reads(folder: Path) -> Iterator[tuple[str, int, Callable[[], object]]]:
    """Its name, the descriptor to read it, and what makes it go on: the test reads it anyway."""
    path = folder / "pipe"
    os.mkfifo(path)
    both = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        with suppress(BlockingIOError):
            while True:
                os.write(both, b"x" * 4096)
        yield str(path), both, lambda: None
    finally:
        os.close(both)


@contextmanager
def a_terminal_that_was_stopped(folder: Path) -> Iterator[tuple[str, int, Callable[[], object]]]:
    """The same of a terminal; it goes on as with Ctrl-Q."""
    ours, theirs = os.openpty()
    try:
        os.set_blocking(ours, False)
        os.write(ours, b"\x13")
        yield os.ttyname(theirs), ours, lambda: os.write(ours, b"\x11")
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("stopped", [a_pipe_nobody_reads, a_terminal_that_was_stopped])
async def test_a_reader_that_stops_stops_no_program(tmp_path: Path, stopped: Any) -> None:
    port, remote = free_port(), free_port()
    server_file, client_file = tmp_path / "frps.toml", tmp_path / "frpc.toml"
    server_file.write_text(f"bindPort = {port}\n")
    with stopped(tmp_path) as (path, reading, go_on):
        async with tcp_echo() as local:
            proxy = f'[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
            common = f'serverAddr = "127.0.0.1"\nserverPort = {port}\nloginFailExit = false\n'
            client_file.write_text(f"{common}{proxy}")
            to = f">{path} 2>&1"
            server = f"exec {sys.executable} -m aiofrp.cli.frps -c {server_file} {to}"
            client = f"exec {frpc_line('-c', str(client_file), to)}"
            async with (
                running(["sh", "-c", server], tmp_path / "a") as frps_,
                running(["sh", "-c", client], tmp_path / "b") as frpc_,
            ):
                await echoed(remote)
                frpc_.send(signal.SIGTERM)
                assert await frpc_.ended() == 0
                go_on()
                await shown(reading, b"client exit success")
                frps_.send(signal.SIGTERM)
                assert await frps_.ended() == 0


async def echoed(port: int) -> None:
    """Wait until a service answers through its tunnel."""
    async with asyncio.timeout(30):
        while True:
            with suppress(OSError):
                if await exchange(port, b"hello") == b"hello":
                    return
            await asyncio.sleep(0.01)


async def shown(reading: int, text: bytes) -> None:
    """Read until some text was shown."""
    seen = b""
    async with asyncio.timeout(30):
        while text not in seen:
            try:
                seen += os.read(reading, 65536)
            except BlockingIOError:
                await asyncio.sleep(0.01)


def test_a_terminal_that_is_gone_costs_lines_only(tmp_path: Path) -> None:
    ours, theirs = os.openpty()
    try:
        command = [sys.executable, "-m", "aiofrp.cli.frpc", "verify", "-c", str(tmp_path / "none.toml")]
        program = subprocess.Popen(command, stdout=theirs, stderr=theirs, start_new_session=True)
    finally:
        os.close(ours)
        os.close(theirs)
    assert program.wait(60) == 1


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (frpc_line("--version", ">&-"), 0, b""),
        (frpc_line("--help", ">/dev/full"), 1, b"cannot write to standard output: no space left on device\n"),
        (frpc_line("--help", "|", "head", "-n", "1"), 0, b""),
        (frpc_line("verify", "-c", "/nowhere", "2>&-"), 1, b""),
    ],
)
def test_commands_say_what_they_could_not_print(line: str, code: int, said: bytes) -> None:
    done = shell(line)
    assert (done.returncode, done.stderr) == (code, said)


# Encodings


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", b"\\u8fdc\\u7a0b\\U0001f5a5"),
        ("latin-1", b"\\u8fdc\\u7a0b\\U0001f5a5"),
        ("gbk", "远程".encode("gbk") + b"\\U0001f5a5"),
        ("utf-8", NAME.encode()),
    ],
)
async def test_names_are_printed_in_every_encoding(tmp_path: Path, encoding: str, shown: bytes) -> None:
    port, web = free_port(), free_port()
    async with frps(tmp_path, f"bindPort = {port}\n"):
        text = f'serverAddr = "127.0.0.1"\nserverPort = {port}\nwebServer.port = {web}\n{FILE}'
        file = tmp_path / "frpc.toml"
        file.write_text(text, encoding="utf-8")
        start = [sys.executable, "-m", "aiofrp.cli.frpc"]
        environment = f"PYTHONIOENCODING={encoding}"
        async with running(["env", environment, *start, "-c", str(file)], tmp_path / "log") as client:
            await client.line("start proxy success")
            assert b"[" + shown + b"] start proxy success" in client.output.read_bytes()
            status = await asyncio.to_thread(
                shell, frpc_line("status", "-c", str(file)), PYTHONIOENCODING=encoding
            )
            assert (status.returncode, status.stderr) == (0, b"")
            assert shown in status.stdout


@pytest.mark.parametrize("encoding", ["ascii", "gbk", "utf-8", "utf-16-le"])
def test_a_file_name_that_is_no_text_is_shown(tmp_path: Path, encoding: str) -> None:
    done = shell(
        frpc_line("verify", "-c", f"$(printf '{tmp_path}/n\\303\\266\\377')"), PYTHONIOENCODING=encoding
    )
    assert done.returncode == 1
    assert b"Traceback" not in done.stderr + done.stdout
    said = (done.stderr + done.stdout).replace(b"\0", b"")  # of an encoding with two bytes for each character
    assert b"no such file or directory" in said


async def test_a_name_that_is_no_text_is_published_as_go_does(tmp_path: Path) -> None:
    port = free_port()
    async with frps(tmp_path, f"bindPort = {port}\n") as server:
        line = frpc_line(f"tcp -n $(printf 'x\\377') -l 1 -r {free_port()} -s 127.0.0.1 -P {port}")
        async with running(["sh", "-c", f"exec {line}"], tmp_path / "frpc.log") as client:
            await client.line("start proxy success")
            await server.line("new proxy \\[x\ufffd\\] type \\[tcp\\] success")


async def test_names_that_are_no_text_are_json_in_both_apis(tmp_path: Path) -> None:
    """Of an INI file in Latin-1, and of half a surrogate pair in a JSON file."""
    port, api, webs = free_port(), free_port(), [free_port(), free_port()]
    ini, other = tmp_path / "frpc.ini", tmp_path / "frpc.json"
    head = f"[common]\nserver_addr = 127.0.0.1\nserver_port = {port}\nadmin_port = {webs[0]}\nuser = é\n"
    section = f"[café]\ntype = tcp\nlocal_port = 1\nremote_port = {free_port()}\nmeta_ö = ü\n"
    ini.write_text(head + section, encoding="latin-1")
    proxy = {"name": "x\ud800", "type": "tcp", "localPort": 1, "remotePort": free_port()}
    common = {"serverAddr": "127.0.0.1", "serverPort": port, "webServer": {"port": webs[1]}}
    other.write_text(json.dumps({**common, "proxies": [proxy]}))
    async with AsyncExitStack() as stack:
        text = f"bindPort = {port}\nwebServer.port = {api}\n"
        server = await stack.enter_async_context(frps(tmp_path, text))
        for file, line in ((ini, "start error: proxy"), (other, "start proxy success")):
            words = [sys.executable, "-m", "aiofrp.cli.frpc", "-c", str(file)]
            client = await stack.enter_async_context(running(words, tmp_path / f"{file.name}.log"))
            await client.line(line)
        await server.line("new proxy \\[\ufffd.caf\ufffd\\] type \\[tcp\\] success")
        status = await answer(webs[0], "/api/status")
        assert [row["name"] for row in status["tcp"]] == ["caf\ufffd"]
        status = await answer(webs[1], "/api/status")
        assert [(row["name"], row["status"]) for row in status["tcp"]] == [("x\ufffd", "running")]
        rows = (await answer(api, "/api/proxy/tcp"))["proxies"]
        assert sorted(row["name"] for row in rows) == ["x\ufffd", "\ufffd.caf\ufffd"]
        assert [row["conf"].get("metadatas") for row in rows] == [None, {"\ufffd": "\ufffd"}]
        ini.write_text(f"{head}[zé]\ntype = é\n", encoding="latin-1")
        refused = await answer(webs[0], "/api/reload")
        assert refused["Msg"] == (
            "invalid argument: failed to parse proxy z\ufffd, err: invalid type [\ufffd]"
        )


async def answer(port: int, path: str) -> Any:
    """The JSON that an API answers with."""
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    return json.loads((await exchange(port, request.encode())).partition(b"\r\n\r\n")[2].decode())


# Signals


def stray() -> Sequence[str]:
    names = (
        "SIGUSR1",
        "SIGUSR2",
        "SIGALRM",
        "SIGVTALRM",
        "SIGPROF",
        "SIGIO",
        "SIGPIPE",
        "SIGWINCH",
        "SIGXCPU",
    )
    return [name for name in names if hasattr(signal, name)]


async def test_stray_signals_change_nothing(tmp_path: Path) -> None:
    port, remote = free_port(), free_port()
    async with tcp_echo() as local, frps(tmp_path, f"bindPort = {port}\n") as server:
        text = f'[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        text = f'serverAddr = "127.0.0.1"\nserverPort = {port}\n{text}'
        async with frpc(tmp_path, text) as client:
            for name in stray():
                server.send(getattr(signal, name))
                client.send(getattr(signal, name))
            assert await exchange(remote, b"hello") == b"hello"
            assert server.running
            assert client.running


async def test_a_log_file_is_reopened_at_sigusr1(tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "frps.log"
    file = tmp_path / "frps.toml"
    file.write_text(f'bindPort = {port}\nlog.to = "{log}"\n')
    async with running(
        [sys.executable, "-m", "aiofrp.cli.frps", "-c", str(file)], tmp_path / "out"
    ) as program:
        await started(program, log)
        log.rename(tmp_path / "old.log")
        program.send(signal.SIGUSR1)
        async with asyncio.timeout(30):
            while not log.exists():
                await asyncio.sleep(0.01)
        program.send(signal.SIGTERM)
        assert await program.ended() == 0
        assert log.exists()


async def test_an_idle_user_does_not_hold_up_the_end(tmp_path: Path) -> None:
    """Both programs end by themselves."""
    port, remote = free_port(), free_port()
    async with tcp_echo() as local, frps(tmp_path, f"bindPort = {port}\n") as server:
        text = f'[[proxies]]\nname = "t"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        text = f'serverAddr = "127.0.0.1"\nserverPort = {port}\n{text}'
        async with frpc(tmp_path, text) as client:
            for program in (client, server):
                if program is client:
                    reader, writer = await asyncio.open_connection("127.0.0.1", remote)
                    writer.write(b"x")
                    assert await reader.readexactly(1) == b"x"
                program.send(signal.SIGTERM)
                assert await program.ended() == 0
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
