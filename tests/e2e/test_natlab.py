"""xtcp through real NATs, in network namespaces: two clients behind one each, and a public server.

The quick cases run wherever namespaces can be made. Those that guess ports take up to a minute each and run with
``AIOFRP_NATLAB=1``, as do all pairings with Go's programs (``FRP_GO_BIN``).
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support import natlab, peers
from tests.support.namespaces import needs_namespaces
from tests.support.natlab import SERVER, STUN, Lab
from tests.support.procs import Name, Program, Side, command, running

Sides = tuple[Side, Side, Side]
OURS: Sides = ("ours", "ours", "ours")
MIB = 1024 * 1024
PORT, SERVICE = 6000, 7007
ROOT = Path(__file__).parent.parent.parent

pytestmark = [needs_namespaces, pytest.mark.timeout(180)]
slow = pytest.mark.skipif(
    not os.environ.get("AIOFRP_NATLAB"), reason="AIOFRP_NATLAB=1 runs the slow NAT cases"
)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """Namespaces, with a STUN server and the local service of host a."""
    with natlab.lab() as made:
        ends = [sys.executable, "-m", "tests.support.labends", "serve", str(SERVICE)]
        service = made.start("a", ends, stdout=subprocess.PIPE)
        assert service.stdout is not None
        assert service.stdout.readline() == b"ready\n"
        yield made


@asynccontextmanager
async def program(
    lab: Lab, where: str, name: Name, side: Side, toml: str, folder: Path
) -> AsyncIterator[Program]:
    """frps or frpc in a namespace."""
    path = folder / f"{name}-{where}.toml"
    path.write_text(toml, encoding="utf-8")
    line = lab.command(where, [*command(name, side), "-c", str(path)])
    async with running(line, path.with_suffix(".log")) as started:
        yield started


@asynccontextmanager
async def trio(
    lab: Lab, folder: Path, sides: Sides = OURS, protocol: str = "quic", more: str = "", proxies: str = ""
) -> AsyncIterator[tuple[Program, Program, Program]]:
    """frps, the proxy's frpc on host a and the visitor's on host b."""
    common = (
        f'serverAddr = "{SERVER}"\nnatHoleStunServer = "{STUN}"\nlog.level = "debug"\n'
        "transport.quic.keepalivePeriod = 1\ntransport.quic.maxIdleTimeout = 5\n"
    )
    proxy = f'[[proxies]]\nname = "p"\ntype = "xtcp"\nsecretKey = "k"\nlocalPort = {SERVICE}\n{proxies}'
    visitor = (
        f'[[visitors]]\nname = "v"\ntype = "xtcp"\nserverName = "p"\nsecretKey = "k"\nbindPort = {PORT}\n'
        f'protocol = "{protocol}"\n{more}'
    )
    async with program(lab, "srv", "frps", sides[0], "bindPort = 7000\n", folder) as server:
        await server.line("frps started successfully")
        async with program(lab, "a", "frpc", sides[1], common + proxy, folder) as host:
            await host.line("start proxy success")
            async with program(lab, "b", "frpc", sides[2], common + visitor, folder) as guest:
                await guest.line("start visitor success")
                yield server, host, guest


async def ask(lab: Lab, folder: Path, size: int, within: float = 60) -> str:
    """What a user on host b says about ``size`` bytes that it sends to the visitor."""
    line = lab.command("b", [sys.executable, "-m", "tests.support.labends", "ask", str(PORT), str(size)])
    output = folder / f"ask-{len(list(folder.glob('ask-*')))}.log"
    with output.open("wb") as file:
        user = subprocess.Popen(line, stdout=file, stderr=subprocess.STDOUT, cwd=ROOT)
    try:
        await poll(user, within)
    finally:
        user.kill()
        user.wait()
    return output.read_text().strip().splitlines()[-1]


async def poll(process: subprocess.Popen[bytes], within: float) -> None:
    """Wait for the end of ``process``."""
    async with asyncio.timeout(within):
        while process.poll() is None:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(("protocol", "forgetful"), [("quic", "ab"), ("kcp", "b")])
async def test_two_easy_nats(lab: Lab, tmp_path: Path, protocol: str, forgetful: str) -> None:
    """The tunnel outlives that NATs forget it: the next packet from inside makes a flow as before. That of the proxy's
    side is a PING at the latest."""
    async with trio(lab, tmp_path, protocol=protocol) as (_, _, guest):
        assert await ask(lab, tmp_path, 8 * MIB) == "equal"
        line = await guest.line("establishing nat hole connection successful")
        assert re.search(r"remoteAddr \[198\.51\.100\.10:\d+\]", line)
        for side in forgetful:
            lab.forget(side)
        assert await ask(lab, tmp_path, MIB) == "equal"
        assert guest.text.count("establishing nat hole connection successful") == 1


def fallback() -> tuple[str, str]:
    """Lines of a visitor that another one stands in for, and the proxy of that one."""
    stcp = f'[[proxies]]\nname = "s"\ntype = "stcp"\nsecretKey = "k"\nlocalPort = {SERVICE}\n'
    other = '[[visitors]]\nname = "o"\ntype = "stcp"\nserverName = "s"\nsecretKey = "k"\nbindPort = -1\n'
    return f'fallbackTo = "o"\nfallbackTimeoutMs = 200\n{other}', stcp


@slow
async def test_a_nat_that_changes_while_the_tunnel_runs(lab: Lab, tmp_path: Path) -> None:
    """The tunnel ends after its idle time-out, users go through the server, and it is back once the NAT lets it."""
    more, stcp = fallback()
    async with trio(lab, tmp_path, more=KEEP + more, proxies=stcp) as (_, _, guest):
        await guest.line("establishing nat hole connection successful", within=60)
        assert await ask(lab, tmp_path, MIB) == "equal"
        lab.nat("a", "blocked")
        await guest.line("the tunnel has ended", within=60)
        assert await ask(lab, tmp_path, MIB) == "equal"
        assert "open tunnel error" in guest.text
        lab.nat("a", "easy")
        await guest.line("establishing nat hole connection successful", count=2, within=120)
        assert await ask(lab, tmp_path, MIB) == "equal"


@slow
async def test_a_blocked_way_goes_through_the_server(lab: Lab, tmp_path: Path) -> None:
    """Neither UDP way is open between both NATs: the stcp visitor serves, and both sides say why."""
    lab.nat("a", "blocked")
    more, stcp = fallback()
    async with trio(lab, tmp_path, more=more, proxies=stcp) as (_, host, guest):
        assert await ask(lab, tmp_path, MIB) == "equal"
        for who in (host, guest):
            line = await who.line("make hole error")
            assert "This side: EasyNAT (BehaviorNoChange); the peer: EasyNAT (BehaviorNoChange)" in line
            assert "mode 0" in line
            assert "fallbackTo" in line


#: NAT of the proxy's side and of the visitor's, and the modes of which one is taken. One that has six ports gives two
#: destinations the same one now and then, and is taken for an easy one.
MODES = [
    ("easy", "hard", "[12]"),
    ("hard", "easy", "[12]"),
    ("regular", "easy", "[012]"),
    ("regular", "regular", "[0-4]"),
    ("regular", "hard", "[124]"),
]
PAIRINGS: list[Sides] = [
    OURS,
    ("go", "ours", "ours"),
    ("ours", "go", "ours"),
    ("ours", "ours", "go"),
    ("ours", "go", "go"),
]


KEEP = "keepTunnelOpen = true\nminRetryInterval = 1\nmaxRetriesAnHour = 1000\n"


@slow
@pytest.mark.parametrize(("a", "b", "mode"), MODES, ids=lambda value: value)
@pytest.mark.parametrize("sides", PAIRINGS, ids="-".join)
async def test_guessed_ports(lab: Lab, tmp_path: Path, sides: Sides, a: str, b: str, mode: str) -> None:
    """Attempts go on until one succeeds, and the bytes are equal."""
    if "go" in sides:
        peers.require()
    lab.nat("a", a)
    lab.nat("b", b)
    async with trio(lab, tmp_path, sides, more=KEEP) as (
        _,
        _,
        guest,
    ):
        await guest.line("establishing nat hole connection successful", within=150)
        assert await ask(lab, tmp_path, 8 * MIB) == "equal"
        if sides[2] == "ours":
            assert re.search(f"detectBehavior: mode {mode}", guest.text)
