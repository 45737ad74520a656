"""A real login that registers nothing, and proxies that are registered for a moment."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiofrp.aio import Scope
from aiofrp.cli.own.doctor.report import Finding, fix_of, ok, problem, warning
from aiofrp.client.hints.facts import proxy_hint
from aiofrp.client.service import Client
from aiofrp.config.models.client import ClientConfig, StoreConfig, VirtualNetConfig
from aiofrp.config.models.proxy import HealthCheck, ProxyConfig
from aiofrp.config.models.shared import WebServerConfig
from aiofrp.errors import Closed, FrpError, LoginFailed, TimedOut
from aiofrp.version import FRP_VERSION

#: Seconds for a login or for the answers about proxies, all together.
_PATIENCE = 20.0
_STEP = 0.01

T = TypeVar("T")


async def visit(
    config: ClientConfig, use: Callable[[Client], Awaitable[T]], proxies: Sequence[ProxyConfig] = ()
) -> T:
    """Log in as a client of its own with ``proxies``, and stay until ``use`` has returned; its result.

    Raises :class:`~aiofrp.errors.FrpError`, also when the server does not answer in time.
    """
    changes: dict[str, Any] = {
        "proxies": tuple(proxies),
        "visitors": (),
        "login_fail_exit": True,
        "client_id": "",  # so that it ends no session of a frpc that runs
        "web_server": WebServerConfig(),
        "store": StoreConfig(),
        "virtual_net": VirtualNetConfig(),
    }
    client = Client(config.model_copy(update=changes))
    results: list[T] = []

    async def once() -> None:
        try:
            while client.login.state != "connected":  # noqa: ASYNC110 - the state has no event
                await asyncio.sleep(_STEP)
            results.append(await use(client))
        finally:
            client.stop(0)

    scope = Scope("doctor")
    scope.spawn(once(), "visit")
    try:
        async with asyncio.timeout(_PATIENCE):
            await client.run()
    except TimeoutError:
        raise TimedOut(f"the server did not answer within {_PATIENCE:g} s") from None
    finally:
        await scope.close()
    if not results:
        raise Closed("the session ended too early")
    return results[0]


async def login(config: ClientConfig) -> Finding:
    """Log in and leave again. Raises :class:`~aiofrp.errors.FrpError`, with the server's words."""
    try:
        version = await visit(config, _version)
    except LoginFailed as error:
        text = error.text.removeprefix("login to the server failed: ")
        failed = FrpError(text.partition(". With loginFailExit")[0])
        failed.hint = error.hint
        raise failed from None
    method = "token accepted" if config.auth.method == "token" else "OIDC token accepted"
    if not config.auth.token.reveal() and config.auth.method == "token":
        return warning(
            f"the server (frp {version or 'of unknown version'}) accepts clients without a token", _NO_TOKEN
        )
    text = f"{method} by the server (frp {version or 'of unknown version'})"
    return ok(text if version == FRP_VERSION else f"{text}; this client matches frp {FRP_VERSION}")


async def _version(client: Client) -> str:
    return client.server_version


_NO_TOKEN = "set the same auth.token on both sides, or everybody can use the server"


async def try_proxies(config: ClientConfig) -> list[tuple[str, Finding]]:
    """Register each proxy under a name of its own for a moment; the finding of each, by its name."""
    probes = {f"doctor-{secrets.token_hex(4)}-{proxy.name}": proxy for proxy in config.proxies}
    changed = [
        proxy.model_copy(update={"name": name, "health_check": HealthCheck(type="")})
        for name, proxy in probes.items()
    ]
    found = await visit(config, _answers, changed)
    return [(probes[name].name, _registered(error, address, probes[name])) for name, error, address in found]


async def _answers(client: Client) -> list[tuple[str, str, str]]:
    """Name, error and address of each proxy, once the server has answered for all."""
    await client.proxies.settled()
    return [(p.config.name, p.state.error, p.state.remote_addr) for p in client.proxies.running()]


def _registered(error: str, remote_addr: str, proxy: ProxyConfig) -> Finding:
    if not error:
        return ok(f"the server accepts it{f' at {remote_addr}' if remote_addr else ''}")
    return problem(f"the server refuses it: {error}", fix_of(proxy_hint(error, proxy)))
