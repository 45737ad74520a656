"""Health checks: whether the local service of a proxy serves (docs/protocol/client.md §2.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiofrp.config.models.proxy import HealthCheck, ProxyConfig
from aiofrp.errors import FrpError
from aiofrp.logs import Log
from aiofrp.transport.net import dial
from aiofrp.wire.addresses import join_host_port

#: What stands for a number that is not given, or not positive (docs/protocol/client.md §2.2).
TIMEOUT, MAX_FAILED, INTERVAL = 3, 1, 10


class Health:
    """The verdict over checks, one after another: bad until one succeeds, and bad again after ``max_failed`` failures
    in a row, as frp's documentation says it; the reference forgets no failure at a success."""

    __slots__ = ("_failures", "_max_failed", "good")

    def __init__(self, max_failed: int = MAX_FAILED) -> None:
        self._max_failed = max_failed
        self._failures = 0  # in a row
        self.good = False

    def succeeded(self) -> bool:
        """A check succeeded; returns whether the verdict changed."""
        changed = not self.good
        self.good, self._failures = True, 0
        return changed

    def failed(self) -> bool:
        """A check failed; returns whether the verdict changed."""
        self._failures += 1
        changed = self.good and self._failures >= self._max_failed
        self.good = self.good and not changed
        return changed


class Monitor:
    """Checks the local service of one proxy at its interval."""

    def __init__(self, config: ProxyConfig, log: Log, changed: Callable[[bool], None]) -> None:
        """``changed`` is called with each new verdict. The first verdict is bad; it is not called for that one."""
        check = config.health_check
        self._check = check
        self._host, self._port = config.local_ip, config.local_port
        self._timeout = _positive(check.timeout_seconds, TIMEOUT)
        self._interval = _positive(check.interval_seconds, INTERVAL)
        self._health = Health(_positive(check.max_failed, MAX_FAILED))
        self._log = log
        self._changed = changed

    async def run(self) -> None:
        """Check every ``intervalSeconds`` until cancelled; ``changed`` is called with the new state after a change."""
        while True:
            try:
                await self._check_once()
            except FrpError as exc:
                self._log.warning("do one health check failed: %s", exc)
                if self._health.failed():
                    self._log.warning("health check status change to failed")
                    self._changed(False)
            else:
                self._log.trace("do one health check success")
                if self._health.succeeded():
                    self._log.info("health check status change to success")
                    self._changed(True)
            await asyncio.sleep(self._interval)

    async def _check_once(self) -> None:
        if self._check.type == "http":
            from aiofrp.client.httpcheck import check_http  # here, as few proxies have it

            await check_http(url_of(self._check, self._host, self._port), self._check, self._timeout)
        else:
            await check_tcp(self._host, self._port, self._timeout)


def is_checked(config: ProxyConfig) -> bool:
    """Whether a proxy waits for its service: one that a plugin serves alone does not."""
    return bool(config.health_check.type) and config.local_port > 0


async def check_tcp(host: str, port: int, timeout: float) -> None:
    """Connect and close at once. Raises :class:`~aiofrp.errors.ConnectFailed`."""
    stream = await dial(host, port, timeout=timeout)
    stream.close()


def url_of(check: HealthCheck, host: str, port: int) -> str:
    """What an http check asks for."""
    return f"http://{join_host_port(host, port)}/{check.path.removeprefix('/')}"


def _positive(number: int, default: int) -> int:
    return number if number > 0 else default
