"""The demonstration: it verifies its page, shows requests arrive, and ends when asked."""

from __future__ import annotations

import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.support import procs

ROOT = Path(__file__).parent.parent


def command(free_ports: Callable[[], int], *arguments: str) -> list[str]:
    ports = ["--port", str(free_ports()), "--remote-port", str(free_ports())]
    return [sys.executable, str(ROOT / "scripts" / "_demo.py"), *ports, *arguments]


def test_check_verifies_the_page(free_ports: Callable[[], int]) -> None:
    done = subprocess.run(command(free_ports, "--check"), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done
    assert "byte for byte" in done.stdout


async def test_it_shows_requests_and_ends_in_order(free_ports: Callable[[], int], tmp_path: Path) -> None:
    async with procs.running(command(free_ports), tmp_path / "log") as demo:
        url = (await demo.line("^Open http")).split()[1]
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{url}?again", timeout=10
        ) as page:
            assert b"through the tunnel" in page.read()
        await demo.line(r"request: .*/\?again")
        demo.send(signal.SIGINT)
        assert await demo.ended() == 0
        assert demo.text.endswith("ended\n")
