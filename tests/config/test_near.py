from __future__ import annotations

from aiofrp.config.near import nearest, plain


def test_the_nearest_name() -> None:
    assert nearest("Trce", ("trace", "debug")) == "trace"
    assert nearest("vhostHttpProt", ("vhostHTTPPort", "vhostHTTPSPort")) == "vhostHTTPPort"
    assert nearest("zzz", ("trace", "debug")) == ""


def test_what_people_write_goes_before_what_looks_alike() -> None:
    assert nearest("ws", ("tcp", "wss", "websocket")) == "websocket"
    assert nearest("ws", ("wss", "tcp")) == "wss"


def test_plain_names() -> None:
    assert plain("tls_Enable-x.y") == "tlsenablexy"
