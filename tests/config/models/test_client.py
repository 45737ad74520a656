"""What frpc fills in by itself."""

from __future__ import annotations

import pytest

from aiofrp.config.models.client import ClientConfig


def test_defaults_that_depend_on_other_fields() -> None:
    client = ClientConfig.model_validate({"transport": {"tcpMux": False}})
    assert (client.transport.heartbeat_interval, client.transport.heartbeat_timeout) == (30, 90)
    assert (ClientConfig().transport.heartbeat_interval, ClientConfig().transport.heartbeat_timeout) == (
        -1,
        -1,
    )


def test_the_environment_names_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://upper")
    monkeypatch.delenv("http_proxy", raising=False)
    assert ClientConfig().transport.proxy_url == "http://upper"
    monkeypatch.setenv("http_proxy", "http://lower")
    assert ClientConfig().transport.proxy_url == "http://lower"
    assert (
        ClientConfig.model_validate({"transport": {"proxyURL": "http://own"}}).transport.proxy_url
        == "http://own"
    )
