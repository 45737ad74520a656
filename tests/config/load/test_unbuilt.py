"""What this release does not do yet is told and left out."""

from __future__ import annotations

from aiofrp.config.load.decode import decode_client, decode_server
from aiofrp.config.load.unbuilt import client_leaves_out, server_leaves_out


def test_nothing_is_left_out_of_plain_files() -> None:
    client, server = decode_client({}), decode_server({})
    assert not [*client_leaves_out(client), *server_leaves_out(server)]


def test_what_has_no_effect_is_named() -> None:
    visitor = {"name": "v", "type": "xtcp", "serverName": "s", "bindPort": 1}
    client = decode_client({"visitors": [visitor], "virtualNet": {"address": "10.0.0.1/24"}})
    assert list(client_leaves_out(client)) == ["visitors of type xtcp: v", "virtualNet"]
    server = decode_server({"sshTunnelGateway": {"bindPort": 2200}})
    assert list(server_leaves_out(server)) == ["sshTunnelGateway"]
