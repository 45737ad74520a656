"""What both programs' configurations have in common."""

from __future__ import annotations

from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.models.shared import AUTH_SCOPES, LOG_LEVELS, LogConfig, QuicOptions, WebServerConfig


def test_the_log_is_the_same_on_both_sides() -> None:
    assert (ServerConfig().log, ClientConfig().log) == (LogConfig(), LogConfig())
    assert (LogConfig().to, LogConfig().level, LogConfig().max_days) == ("console", "info", 3)
    assert LogConfig().level in LOG_LEVELS


def test_quic_and_the_web_server_have_the_documented_defaults() -> None:
    quic = QuicOptions()
    assert (quic.keepalive_period, quic.max_idle_timeout, quic.max_incoming_streams) == (10, 30, 100000)
    assert (ServerConfig().web_server.port, ClientConfig().web_server.port) == (0, 0)
    assert WebServerConfig().addr == "127.0.0.1"


def test_scopes_are_those_of_the_messages() -> None:
    assert set(AUTH_SCOPES) == {"HeartBeats", "NewWorkConns"}


def test_secrets_of_both_sides_do_not_print() -> None:
    for config in (ServerConfig, ClientConfig):
        whole = config.model_validate({"auth": {"token": "hidden"}, "webServer": {"password": "hidden"}})
        assert "hidden" not in repr(whole)
