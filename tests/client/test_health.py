"""Health checks: the verdict as a plain count, the checks against real services."""

from __future__ import annotations

import pytest

from aiofrp.client.health import Health, check_tcp, is_checked, url_of
from aiofrp.config.load.decode import decode_proxy
from aiofrp.config.models.proxy import HealthCheck, ProxyConfig
from aiofrp.errors import ConnectFailed
from tests.support.ports import free_port
from tests.support.services import tcp_echo


def verdicts(max_failed: int, checks: str) -> str:
    """The verdict after each check: ``+`` succeeded, ``-`` failed; a change is upper case."""
    health, seen = Health(max_failed), ""
    for check in checks:
        changed = health.succeeded() if check == "+" else health.failed()
        verdict = "g" if health.good else "b"
        seen += verdict.upper() if changed else verdict
    return seen


@pytest.mark.parametrize(
    ("max_failed", "checks", "expected"),
    [
        (1, "--++-+", "bbGgBG"),
        (3, "+--+--+---", "Ggggggggg" + "B"),
        (3, "-----+--", "bbbbbGgg"),
        (2, "+----+", "GgBbbG"),
    ],
)
def test_failures_in_a_row_count(max_failed: int, checks: str, expected: str) -> None:
    assert verdicts(max_failed, checks) == expected


# Checks


async def test_a_port_somebody_listens_on_is_well() -> None:
    async with tcp_echo() as port:
        await check_tcp("127.0.0.1", port, 5)


async def test_a_port_nobody_listens_on_is_not() -> None:
    port = free_port()
    with pytest.raises(ConnectFailed, match=f"dial tcp 127.0.0.1:{port}: connect: connection refused"):
        await check_tcp("127.0.0.1", port, 5)


@pytest.mark.parametrize(("path", "url"), [("status", "/status"), ("/status?a=b", "/status?a=b"), ("", "/")])
def test_where_a_check_asks(path: str, url: str) -> None:
    check = HealthCheck(type="http", path=path)
    assert url_of(check, "::1", 80) == "http://[::1]:80" + url


@pytest.mark.parametrize(
    ("extra", "checked"),
    [
        ({}, False),
        ({"healthCheck": {"type": "tcp"}}, True),
        ({"healthCheck": {"type": "tcp"}, "localPort": 0}, False),
    ],
)
def test_which_proxies_are_checked(extra: dict[str, object], checked: bool) -> None:
    config: ProxyConfig = decode_proxy({"name": "x", "type": "tcp", "localPort": 80, **extra})
    assert is_checked(config) is checked
