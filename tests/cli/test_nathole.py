"""``frpc nathole discover``: the recorded lines, and one about what such a NAT can do."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import pytest

from aiofrp.cli.nathole import chances
from aiofrp.nat.classify import Nat, classify
from tests.support.stun import stun_server, stun_socket


async def discovered(folder: Path, *words: str) -> tuple[int, list[str]]:
    """The exit code of the command, and the lines it printed."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "aiofrp.cli.frpc", "nathole", "discover", *words),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode().splitlines()


async def test_the_lines(tmp_path: Path) -> None:
    async with stun_server() as (first, _):
        (tmp_path / "c.toml").write_text(f'natHoleStunServer = "{first.name}"\n')
        code, lines = await discovered(tmp_path, "-c", "c.toml", "-l", "127.0.0.1:0")
    assert code == 0
    port = re.fullmatch(r"Local address is: 127\.0\.0\.1:(\d+)", lines[4])
    assert port
    mapped = f"127.0.0.1:{port[1]}"
    assert lines[:4] == [
        f"STUN server: {first.name}",
        "Your NAT type is: EasyNAT",
        "Behavior is: BehaviorNoChange",
        f"External address is: [{mapped} {mapped}]",
    ]
    assert lines[5:] == [
        "Public Network: false",
        "Direct connections (xtcp): work with most NATs on the other side",
    ]


async def test_a_server_with_one_address(tmp_path: Path) -> None:
    async with stun_socket() as server:
        code, lines = await discovered(tmp_path, "--nat-hole-stun-server", server.name)
    assert code == 1
    assert re.fullmatch(
        r"discover error: can not get enough addresses, need 2, got: \[127\.0\.0\.1:\d+\]", lines[0]
    )
    assert "--nat-hole-stun-server first.example:3478,second.example:3478" in lines[1]


async def test_two_servers_with_one_address_each_will_do(tmp_path: Path) -> None:
    async with stun_socket() as first, stun_socket() as second:
        servers = f"{first.name},{second.name}"
        code, lines = await discovered(tmp_path, "--nat_hole_stun_server", servers)
    assert code == 0
    assert lines[:2] == [f"STUN server: {servers}", "Your NAT type is: EasyNAT"]


async def test_no_server(tmp_path: Path) -> None:
    assert await discovered(tmp_path, "--nat-hole-stun-server", ",") == (
        1,
        ["nat_hole_stun_server can not be empty"],
    )


@pytest.mark.parametrize(
    ("nat", "text"),
    [
        (classify(["192.0.2.1:5", "192.0.2.1:5"], ["192.0.2.1"]), "work with every NAT"),
        (classify(["192.0.2.1:5", "192.0.2.1:5"], []), "work with most NATs"),
        (classify(["192.0.2.1:5", "192.0.2.1:7"], []), "another NAT of regular ports"),
        (classify(["192.0.2.1:5", "192.0.2.1:700"], []), "an EasyNAT on the other side only"),
    ],
)
def test_what_a_nat_can_do(nat: Nat, text: str) -> None:
    assert text in chances(nat)
