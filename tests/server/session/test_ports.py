"""The ports clients log in on: which are open, what lives on bindPort, and what it costs to know the transports."""

from __future__ import annotations

import subprocess
import sys

import pytest

from aiofrp.wire.dial.upgrade import ClientUpgrade
from tests.support.ports import free_port
from tests.support.tunnel import exchange, running_server, server_config

PLAIN = b"GET / HTTP/1.1\r\nHost: nobody.test\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize("shared", [True, False])
async def test_a_websocket_is_recognised_beside_the_vhosts_of_bindport(shared: bool) -> None:
    bind = free_port()
    vhosts = f"vhostHTTPPort = {bind}\ntcpmuxHTTPConnectPort = {bind}\n" if shared else ""
    async with running_server(server_config(vhosts, port=bind)):
        assert (await exchange(bind, ClientUpgrade("frps.test").data_to_send())).startswith(b"HTTP/1.1 101 ")
        assert (await exchange(bind, PLAIN)).startswith(b"HTTP/1.1 404 " if shared else b"")


async def test_ports_are_logged_in_the_order_of_the_reference(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    tcp, kcp, quic = free_port(), free_port(), free_port()
    async with running_server(server_config(f"kcpBindPort = {kcp}\nquicBindPort = {quic}\n", port=tcp)):
        opened = [line for line in caplog.messages if " listen on " in line]
    assert opened == [
        f"frps tcp listen on 127.0.0.1:{tcp}",
        f"frps kcp listen on udp 127.0.0.1:{kcp}",
        f"frps quic listen on 127.0.0.1:{quic}",
    ]


def test_knowing_all_transports_loads_none_of_their_libraries() -> None:
    code = (
        "import sys; from aiofrp.transport.base import all_transports; all_transports(); "
        "print({'qh3', 'spnego', 'aiofrp.stream.kcp.stream', 'aiofrp.stream.quic.session'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
