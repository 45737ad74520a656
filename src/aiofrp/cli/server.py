"""What ``frps`` and ``frps verify`` do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from aiofrp import logs
from aiofrp.aio import Scope, unless
from aiofrp.cli.run import log_wait, run, service_manager, set_up_logs
from aiofrp.cli.signals import on_hangup, on_termination
from aiofrp.cli.tlsfiles import tls_warnings
from aiofrp.config.flags.configs import server_config, server_warnings
from aiofrp.config.flags.parse import Invocation
from aiofrp.config.load.files import LEGACY_WARNING, Loaded, load_server
from aiofrp.config.load.mistakes import hinted
from aiofrp.config.load.validate import server_problems
from aiofrp.config.load.valuesource import resolve_token
from aiofrp.config.load.verify import verify, warning_text
from aiofrp.config.load.warnings import open_to_all
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.server import ServerConfig
from aiofrp.config.problem import InvalidConfig
from aiofrp.errors import FrpError

if TYPE_CHECKING:
    from aiofrp.server.service import Server

_log = logs.get(__name__)


def verify_file(invocation: Invocation) -> int:
    """``frps verify``: check a file and print what is wrong with it. Returns the exit code."""
    path = invocation.value("config")
    if not path:
        print("frps: the configuration file is not specified")
        return 0
    code, text = verify(
        "frps",
        path,
        strict=invocation.value("strict-config"),
        allow_unsafe=_unsafe(invocation),
        inspect=lambda config: (*_open_to_all(config), *tls_warnings(config)),
    )
    print(text, end="")
    return code


def _open_to_all(config: ServerConfig | ClientConfig) -> Iterable[str]:
    return open_to_all(config) if isinstance(config, ServerConfig) else ()


def start(invocation: Invocation) -> int:
    """``frps``: run a server by a file, or by flags, until a signal. Returns the exit code."""
    path = invocation.value("config")
    try:
        config = _from_file(invocation) if path else _from_flags(invocation)
        set_up_logs(config.log, invocation.value("log-format"))
        if path:
            _log.info("frps uses config file: %s", path)
        else:
            _log.info("frps uses command line arguments for config")
        for text in open_to_all(config):
            _log.warning("%s", text)
        config = with_token(config)
    except InvalidConfig as error:
        print(f"{warning_text(error.warnings)}{error}")
        return 1
    except FrpError as error:
        print(error)
        return 1
    return run_server(config, (lambda: with_token(_load(invocation).config)) if path else None)


def run_server(
    config: ServerConfig,
    load: Callable[[], ServerConfig] | None = None,
    *,
    wording: Callable[[FrpError], str] = str,
) -> int:
    """Run frps until a signal; ``load`` reads its file again, ``wording`` makes the text of an error at the start.
    Returns the exit code."""
    return run(_serve(config, load, wording))


def with_token(config: ServerConfig) -> ServerConfig:
    """``config`` with the token of its source. Raises :class:`~aiofrp.errors.ConfigError`; may take its time."""
    auth = config.auth.model_copy(update={"token": resolve_token(config.auth)})
    return config.model_copy(update={"auth": auth})


def _load(invocation: Invocation) -> Loaded[ServerConfig]:
    strict, unsafe = invocation.value("strict-config"), _unsafe(invocation)
    return load_server(invocation.value("config"), strict=strict, allow_unsafe=unsafe)


def _unsafe(invocation: Invocation) -> tuple[str, ...]:
    names: tuple[str, ...] = invocation.value("allow-unsafe")
    return names


def _from_file(invocation: Invocation) -> ServerConfig:
    loaded = _load(invocation)
    if loaded.legacy:
        print(LEGACY_WARNING)
    print(warning_text(loaded.warnings), end="")
    return loaded.config


def _from_flags(invocation: Invocation) -> ServerConfig:
    config = server_config(invocation)
    print(warning_text(server_warnings(invocation)), end="")
    problems = list(server_problems(config, _unsafe(invocation)))
    if problems:
        raise InvalidConfig(hinted(problems))
    return config


async def _serve(
    config: ServerConfig, load: Callable[[], ServerConfig] | None, wording: Callable[[FrpError], str]
) -> int:
    """Run frps until a signal ends it; the arguments are those of :func:`run_server`."""
    from aiofrp.server.service import GRACE, Server

    stopping, hung_up = asyncio.Event(), asyncio.Event()
    on_termination(stopping.set)
    on_hangup(hung_up.set, stopping.set)
    try:
        server = Server(config)
        if not await unless(stopping, server.start()):
            await server.stop(0)
            return 0
    except FrpError as error:
        print(wording(error))
        return 1
    service_manager.ready(lambda: f"{server.open_connections} connections of users")
    scope = Scope("frps reload")
    scope.spawn(_reload_at(hung_up, server, load), "loop")
    await stopping.wait()
    service_manager.stopping()
    await scope.close()
    log_wait("frps", server.open_connections, GRACE)
    await server.stop()
    _log.info("frps stopped")
    return 0


async def _reload_at(hung_up: asyncio.Event, server: Server, load: Callable[[], ServerConfig] | None) -> None:
    """Read the file again at every hang-up signal."""
    while True:
        await hung_up.wait()
        hung_up.clear()
        if load is None:
            _log.warning("there is no configuration file to read again")
            continue
        try:
            change = server.apply(await asyncio.to_thread(load))
        except FrpError as error:
            _log.error("reload failed, nothing is changed: %s", error)
            continue
        logs.set_level(server.config.log.level)
        _log.info("reload success, changed: [%s]", " ".join(change.applied))
        if change.waiting:
            _log.warning("these changes need a restart: [%s]", " ".join(change.waiting))
