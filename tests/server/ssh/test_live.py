"""What a client's terminal shows."""

from __future__ import annotations

import pytest

from aiofrp.proxy.http import HttpConfig
from aiofrp.proxy.https import HttpsConfig
from aiofrp.proxy.stcp import StcpConfig
from aiofrp.proxy.tcp import TcpConfig
from aiofrp.server.ssh.live import Counts, addresses, size_text, success
from aiofrp.server.ssh.protocol.terminal import Terminal
from tests.server.ssh.test_command import recorded


def test_success_is_shown_as_recorded() -> None:
    proxy = TcpConfig(name="sshp")
    assert success("", [(proxy, ":16060")]) + "\n" == recorded("success_tcp")[1]
    shown = success("bob", [(HttpConfig(name="sshtunnel-http-e286913e"), "ssh.test:17080")])
    assert shown + "\n" == recorded("success_http")[1]
    both = success("", [(proxy, ":1"), (TcpConfig(name="b"), ":2")])
    assert both.count("frp (via SSH)") == 1
    assert "RemoteAddress: :1\n\nUser: \nProxyName: b\n" in both


@pytest.mark.parametrize(
    ("proxy", "remote", "expected"),
    [
        (TcpConfig(), ":6000", ["10.0.0.1:6000"]),
        (HttpConfig(), "a.test:80", ["http://a.test/"]),
        (HttpConfig(), "a.test:8080,b.test:8080", ["http://a.test:8080/", "http://b.test:8080/"]),
        (HttpsConfig(), "a.test:443", ["https://a.test/"]),
        (HttpsConfig(), "a.test:80", ["https://a.test:80/"]),
        (HttpConfig(), "", []),
        (StcpConfig(), "", []),
    ],
)
def test_addresses_are_what_users_type(proxy: TcpConfig, remote: str, expected: list[str]) -> None:
    assert addresses(proxy, remote, "10.0.0.1") == expected


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (10**16, "10000.0 TB")],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


async def test_the_line_is_shown_when_it_has_changed() -> None:
    class Shown(Terminal):
        def show_status(self, text: str) -> bool:
            texts.append(text)
            return True

    texts: list[str] = []
    numbers = (1, 2, 3, 4000)
    counts = Counts(Shown(1, (1, 1, 1), None, print, print), lambda: numbers)  # type: ignore[arg-type]
    counts.start()
    counts.stop()
    counts.start()
    counts.stop()
    assert texts == ["Connections: 1 open, 2 in all    Users sent 4.0 kB, got 3 B"]
