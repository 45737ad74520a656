"""What this release does not do yet is told and left out."""

from __future__ import annotations

from aiofrp.config.load.decode import decode_client
from aiofrp.config.load.unbuilt import client_leaves_out


def test_nothing_is_left_out_of_plain_files() -> None:
    assert not list(client_leaves_out(decode_client({})))


def test_what_has_no_effect_is_named() -> None:
    visitor = {"name": "v", "type": "xtcp", "serverName": "s", "bindPort": 1}
    client = decode_client({"visitors": [visitor]})
    assert list(client_leaves_out(client)) == ["visitors of type xtcp: v"]
