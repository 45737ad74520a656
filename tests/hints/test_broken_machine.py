"""What a machine refuses the programs: open files, and a UDP port that nobody has; real programs."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from aiofrp.cli import frpc
from tests.hints.broken import split, waits
from tests.support.ports import free_port
from tests.support.procs import PATIENCE, command, running
from tests.support.tunnel import (
    client_config,
    local_service,
    running_client,
    running_server,
    server_config,
)

#: Open files that frps may have; it has some forty itself.
FILES = 96


async def test_frps_names_the_limit_of_open_files_once(tmp_path: Path) -> None:
    bind, remote = free_port(), free_port()
    file = tmp_path / "frps.toml"
    file.write_text(f'bindAddr = "127.0.0.1"\nbindPort = {bind}\n')
    words = shlex.join([*command("frps"), "-c", str(file)])
    async with AsyncExitStack() as stack:
        frps = await stack.enter_async_context(
            running(["sh", "-c", f"ulimit -n {FILES}; exec {words}"], tmp_path / "log")
        )
        await frps.line("frps started successfully")
        local = await stack.enter_async_context(local_service(waits))
        proxy = f'[[proxies]]\nname = "a"\ntype = "tcp"\nlocalPort = {local}\nremotePort = {remote}\n'
        await stack.enter_async_context(running_client(client_config(bind, proxy)))
        await frps.line(r"\[a\] type \[tcp\] success")
        for _ in range(FILES):
            with contextlib.suppress(
                ConnectionResetError
            ):  # frps is faster than the connection is ready here
                _, writer = await asyncio.open_connection("127.0.0.1", remote)
                stack.callback(writer.close)
        said = await frps.line(
            rf"too many open files: 1 users are refused, as the limit of open files is {FILES}"
        )
        async with asyncio.timeout(PATIENCE):
            while "hint: " not in frps.text:
                await asyncio.sleep(0.01)
        assert "[W]" in said
        assert frps.text.count("too many open files") == 1
        (hint,) = split(frps.text)[1]
        assert f"may have {FILES} files open" in hint
        assert "LimitNOFILE=1048576" in hint


@pytest.mark.parametrize("tcp", [False, True], ids=["nothing", "tcp"])
async def test_a_udp_service_that_refuses(
    tmp_path: Path, tcp: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The log and the status name cause and next step, by what has the TCP port of that number."""
    admin, remote = free_port(), free_port()
    cause = "but one listens on TCP port" if tcp else "the system answered with ICMP"
    step = 'Set type = "tcp" for the proxy' if tcp else "Start the service, or correct local"
    async with AsyncExitStack() as stack:
        local = await stack.enter_async_context(local_service(waits)) if tcp else free_port()
        server = await stack.enter_async_context(running_server(server_config()))
        file = tmp_path / "frpc.toml"
        file.write_text(
            f'serverAddr = "127.0.0.1"\nserverPort = {server.address[1]}\nwebServer.port = {admin}\n'
            f'[[proxies]]\nname = "game"\ntype = "udp"\nlocalPort = {local}\nremotePort = {remote}\n'
        )
        program = await stack.enter_async_context(
            running([*command("frpc"), "-c", str(file)], tmp_path / "log")
        )
        await program.line(r"\[game\] start proxy success")
        user = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        async with asyncio.timeout(PATIENCE):
            while "hint: " not in program.text:
                user.sendto(b"anybody?", ("127.0.0.1", remote))
                await asyncio.sleep(0.05)
        await program.line(r"\[game\] lost \d+ datagrams: no program listens on the local UDP port")
        (hint,) = split(program.text)[1]
        assert await asyncio.to_thread(frpc.main, ["status", "--json", "-c", str(file)]) == 0
        status = json.loads(capsys.readouterr().out)["proxies"]["udp"][0]
        assert await asyncio.to_thread(frpc.main, ["status", "-c", str(file)]) == 0
        shown = capsys.readouterr().err
        assert status["hint"] == hint
        assert shown == f"[game] {hint}\n"
        for part in (f"no program listens on UDP port {local} of 127.0.0.1", cause, step):
            assert part in hint
