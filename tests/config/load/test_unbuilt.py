"""What this release does not do yet is refused, or told and left out."""

from __future__ import annotations

import pytest

from aiofrp.config.load.decode import decode_client, decode_server
from aiofrp.config.load.unbuilt import client_leaves_out, refuse_client, refuse_server, server_leaves_out
from aiofrp.errors import ConfigError

OIDC = {"auth": {"method": "oidc"}}


def test_nothing_is_refused_or_left_out_of_plain_files() -> None:
    client, server = decode_client({}), decode_server({})
    refuse_client(client)
    refuse_server(server)
    assert not [*client_leaves_out(client), *server_leaves_out(server)]


def test_oidc_is_refused_by_its_key() -> None:
    with pytest.raises(ConfigError, match=r'auth\.method = "oidc" is not in this release') as caught:
        refuse_client(decode_client(OIDC))
    assert caught.value.path == "auth.method"
    with pytest.raises(ConfigError, match=r'auth\.method = "oidc" is not in this release') as caught:
        refuse_server(decode_server(OIDC))
    assert caught.value.path == "auth.method"


def test_what_has_no_effect_is_named() -> None:
    visitor = {"name": "v", "type": "xtcp", "serverName": "s", "bindPort": 1}
    client = decode_client({"visitors": [visitor], "virtualNet": {"address": "10.0.0.1/24"}})
    assert list(client_leaves_out(client)) == ["visitors of type xtcp: v", "virtualNet"]
    server = decode_server({"sshTunnelGateway": {"bindPort": 2200}})
    assert list(server_leaves_out(server)) == ["sshTunnelGateway"]
