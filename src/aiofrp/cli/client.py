"""What ``frpc``, ``frpc verify`` and the commands for a single proxy or visitor do."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aiofrp import logs
from aiofrp.aio import Scope
from aiofrp.cli.run import log_wait, run, service_manager, set_up_logs
from aiofrp.cli.signals import on_hangup, on_termination
from aiofrp.cli.tlsfiles import tls_warnings
from aiofrp.client.backoff import Backoff
from aiofrp.client.sources.file import ConfigSource
from aiofrp.config.flags.configs import client_config, proxy_config, proxy_warnings, visitor_config
from aiofrp.config.flags.parse import Invocation
from aiofrp.config.load.files import LEGACY_WARNING
from aiofrp.config.load.mistakes import hinted
from aiofrp.config.load.validate import common_problems, proxy_problems, visitor_problems
from aiofrp.config.load.valuesource import resolve_token
from aiofrp.config.load.verify import verify, warning_text
from aiofrp.config.models.client import ClientConfig
from aiofrp.config.models.types import Secret
from aiofrp.config.problem import InvalidConfig, Problem
from aiofrp.errors import ConfigError, FrpError

if TYPE_CHECKING:
    from aiofrp.client.service import Client

_log = logs.get(__name__)


def verify_file(invocation: Invocation) -> int:
    """``frpc verify``: check a file and print what is wrong with it. Returns the exit code."""
    strict, unsafe = invocation.value("strict-config"), invocation.value("allow-unsafe")
    path = invocation.value("config")
    code, text = verify("frpc", path, strict=strict, allow_unsafe=unsafe, inspect=tls_warnings)
    print(text, end="")
    return code


def start(invocation: Invocation) -> int:
    """``frpc``: run one file, or every file of ``--config-dir``, until a signal. Returns the exit code."""
    folder = invocation.value("config-dir")
    if folder:
        return run(_run_all(folder, invocation))
    source = _source(invocation, invocation.value("config"))
    try:
        config = _load(source)
    except FrpError as error:
        print(error)
        return 1
    return run(_run_one(config, source, _log_form(invocation)))


def start_proxy(invocation: Invocation) -> int:
    """``frpc tcp``, ``frpc http`` …: run the one proxy that the flags describe. Returns the exit code."""
    proxy = proxy_config(invocation)
    print(warning_text(proxy_warnings(proxy)), end="")
    return _start_flags(client_config(invocation, proxy=proxy), invocation, list(proxy_problems(proxy)))


def start_visitor(invocation: Invocation) -> int:
    """``frpc stcp visitor`` …: run the one visitor that the flags describe. Returns the exit code."""
    visitor = visitor_config(invocation)
    config = client_config(invocation, visitor=visitor)
    return _start_flags(config, invocation, list(visitor_problems(visitor)))


def _start_flags(config: ClientConfig, invocation: Invocation, problems: list[Problem]) -> int:
    found = list(common_problems(config, invocation.value("allow-unsafe"))) or problems
    if found:
        print(InvalidConfig(hinted(found)))
        return 1
    return run(_run_one(config, None, _log_form(invocation)))


def _source(invocation: Invocation, path: str) -> ConfigSource:
    strict, unsafe = invocation.value("strict-config"), invocation.value("allow-unsafe")
    return ConfigSource(path, strict=strict, allow_unsafe=unsafe)


def _log_form(invocation: Invocation) -> str:
    form: str = invocation.value("log-format")
    return form


def files_below(folder: str) -> Iterator[str]:
    """The paths of all files below a folder, in lexical order; a folder that cannot be read has none."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from files_below(entry.path)
        else:
            yield entry.path


# Running


async def _run_one(config: ClientConfig, source: ConfigSource | None, log_form: str) -> int:
    fleet = Fleet(log_form)
    fleet.listen()
    return await fleet.run(config, source)


async def _run_all(folder: str, invocation: Invocation) -> int:
    """Run a frpc for each file below ``folder``; always ends with 0 (docs/protocol/configuration.md §4.3)."""
    fleet = Fleet(_log_form(invocation))
    fleet.listen()
    paths = list(files_below(folder))
    if not paths:
        print(f"no configuration files in {folder}")
    scope = Scope("frpc")
    tasks = [scope.spawn(_one_of_many(fleet, _source(invocation, path)), path) for path in paths]
    await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
    return 0


async def _one_of_many(fleet: Fleet, source: ConfigSource) -> None:
    try:
        config = _load(source)
    except FrpError as error:
        print(error)
        failed = True
    else:
        failed = bool(await fleet.run(config, source))
    if failed:
        print(f"frpc service error for config file [{source.path}]", flush=True)


class Fleet:
    """Every frpc of this process. A signal to the process acts on all of them."""

    def __init__(self, log_form: str = "") -> None:
        """``log_form``: see :func:`~aiofrp.cli.run.set_up_logs`."""
        self._log_form = log_form
        self._clients: set[Client] = set()  # one for each file
        self._stopping = asyncio.Event()
        self._scope = Scope("frpc reload")

    def listen(self) -> None:
        """Handle the signals of this process from now on: hang-up reloads, interrupt and terminate end."""
        on_termination(self.stop)
        on_hangup(self.reload, self.stop)

    def stop(self) -> None:
        """End every frpc; one that has not started yet does not start."""
        from aiofrp.client.service import CONNECTION_GRACE

        self._stopping.set()
        service_manager.stopping()
        log_wait("frpc", sum(client.open_connections for client in self._clients), CONNECTION_GRACE)
        for client in self._clients:
            client.stop()

    def reload(self) -> None:
        """Let every running frpc load its file again; a file with problems changes nothing."""
        for client in self._clients:
            self._scope.spawn(_reload(client), "one")

    async def run(self, config: ClientConfig, source: ConfigSource | None) -> int:
        """Run a frpc until it ends; prints why if that is an error and gives the exit code."""
        set_up_logs(config.log, self._log_form)
        service_manager.ready(self._state)
        _log_file(source, "start frpc service for config file [%s] with aggregated configuration")
        try:
            await self._run(config, source)
        except FrpError as error:
            if config.log.to != "console":  # there it is printed, and said once
                _log.error("%s", error)
            _log_file(source, "frpc service for config file [%s] stopped")
            print(error)
            return 1
        _log_file(source, "frpc service for config file [%s] stopped")
        return 0

    async def _run(self, config: ClientConfig, source: ConfigSource | None) -> None:
        from aiofrp.client.service import Client

        token = await self._token(config)
        if token is None:
            return
        config = config.model_copy(update={"auth": config.auth.model_copy(update={"token": token})})
        client = Client(config, source)
        self._clients.add(client)
        service_manager.refresh()
        if self._stopping.is_set():
            client.stop()
        try:
            await client.run()
        finally:
            self._clients.discard(client)

    def _state(self) -> str:
        """One line for the service manager."""
        return ", ".join(
            f"{client.login.state} to {client.config.server_addr}:{client.config.server_port}"
            + (f": {client.login.error}" if client.login.error else "")
            for client in self._clients
        )

    async def _token(self, config: ClientConfig) -> Secret | None:
        """The token to log in with; ``None`` when :meth:`stop` was called before there was one.

        A source that fails is tried again where logins are. Otherwise raises :class:`~aiofrp.errors.ConfigError`.
        """
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                return await asyncio.to_thread(resolve_token, config.auth)
            except ConfigError as error:
                if config.login_fail_exit:
                    raise
                _log.warning("connect to server error: %s", error)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(backoff.next_delay(time.monotonic())):
                    await self._stopping.wait()
        return None


def _log_file(source: ConfigSource | None, text: str) -> None:
    if source is not None:
        _log.info(text, source.path)


def _load(source: ConfigSource) -> ClientConfig:
    """The configuration to start with; prints warnings."""
    try:
        loaded = source.start()
    except InvalidConfig as error:
        print(warning_text(error.warnings), end="")
        raise
    if loaded.legacy:
        print(LEGACY_WARNING)
    print(warning_text(loaded.warnings), end="")
    return loaded.config


async def _reload(client: Client) -> None:
    try:
        await client.reload()
    except FrpError as error:
        _log.error("reload failed, nothing is changed: %s", error)
