"""The server plugins of ``[[httpPlugins]]`` as hooks: each event goes through all that want it, in the order of the
file (docs/protocol/server.md §11)."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from aiofrp import logs
from aiofrp.aio import Scope
from aiofrp.config.models.server import HttpPluginConfig
from aiofrp.errors import FrpError, ProxyError
from aiofrp.host.user import UserInfo
from aiofrp.server.hooks import ClientInfo, Op
from aiofrp.server.plugins.caller import PluginCaller
from aiofrp.server.plugins.content import (
    Content,
    Decision,
    decode_answer,
    encode_request,
    of_client,
    of_login,
    user_conn,
)
from aiofrp.wire.frp.messages import CloseProxy, Login, NewProxy, NewWorkConn, Ping

_M = TypeVar("_M", bound=Struct)

#: Types of proxies whose users plugins are not asked about, as in the reference.
_SILENT = frozenset(("http", "udp", "xtcp"))

_log = logs.get(__name__)
#: For lines about failures: who can cause one kind of event hides no line about another.
_failures = {op: _log.limited(logs.USERS if op is Op.NEW_USER_CONN else logs.ANYONE) for op in Op}


class HttpPlugins:
    """The chain. An event for which one plugin fails is refused, with one line in the log."""

    needs_no_task = True

    def __init__(self, configs: Sequence[HttpPluginConfig], scope: Scope) -> None:
        """``scope`` owns the tasks that connect."""
        self._plugins = [_Plugin(config, scope) for config in configs]
        self._by_op = {op: [plugin for plugin in self._plugins if op in plugin.ops] for op in Op}
        self.asked = frozenset(op for op, plugins in self._by_op.items() if plugins)
        for plugin in self._plugins:
            _log.info("plugin [%s] has been registered", plugin.name)

    def close(self) -> None:
        """Drop the connections to all plugins."""
        for plugin in self._plugins:
            plugin.caller.close()

    # Hooks

    def asks_about_users(self, proxy_type: str) -> bool:
        """Whether plugins want to be asked about users, and users of such proxies are any of their business."""
        return Op.NEW_USER_CONN in self.asked and proxy_type not in _SILENT

    async def login(self, message: Login, address: str) -> Login:
        """The login that the plugins leave, and of ``message`` what they cannot see."""
        left = await self._ask(Op.LOGIN, of_login(message, address))
        return replace(left, max_message=message.max_message, takes_streams=message.takes_streams)

    async def new_proxy(self, message: NewProxy, client: ClientInfo) -> NewProxy:
        """The proxy that the plugins leave."""
        return await self._ask(Op.NEW_PROXY, of_client(message, client))

    async def close_proxy(self, message: CloseProxy, client: ClientInfo) -> None:
        """Ask every plugin, also when one fails; their answers are ignored."""
        content = of_client(message, client)
        request_id = secrets.token_hex(8)
        for plugin in self._by_op[Op.CLOSE_PROXY]:
            try:
                await plugin.ask(Op.CLOSE_PROXY, content, request_id)
            except FrpError as exc:
                _log_failure(Op.CLOSE_PROXY, plugin, request_id, exc)

    async def ping(self, message: Ping, client: ClientInfo) -> Ping:
        """The heartbeat that the plugins leave."""
        return await self._ask(Op.PING, of_client(message, client))

    async def new_work_conn(self, message: NewWorkConn, client: ClientInfo) -> NewWorkConn:
        """The work connection that the plugins leave."""
        return await self._ask(Op.NEW_WORK_CONN, of_client(message, client))

    async def new_user_conn(self, user: UserInfo, client: ClientInfo) -> None:
        """Returns when all plugins let the user enter; what they change is ignored."""
        await self._ask(Op.NEW_USER_CONN, of_client(user_conn(user), client))

    # Private

    async def _ask(self, op: Op, content: Content[_M]) -> _M:
        """The message that the plugins leave. Raises :class:`~aiofrp.errors.ProxyError` with the text for the
        client."""
        request_id = secrets.token_hex(8)
        for plugin in self._by_op[op]:
            try:
                answer = await plugin.ask(op, content, request_id)
            except FrpError as exc:
                _log_failure(op, plugin, request_id, exc)
                raise ProxyError(f"send {op} request to plugin error") from exc
            if answer.reject:
                raise ProxyError(answer.reason or f"rejected by plugin [{plugin.name}]")
            if answer.content is not None:
                content = answer.content
        return content.message


class _Plugin:
    """One plugin."""

    def __init__(self, config: HttpPluginConfig, scope: Scope) -> None:
        self.name = config.name
        self.ops = frozenset(Op(name) for name in config.ops)
        self.caller = PluginCaller(config.addr, config.path, tls_verify=config.tls_verify, scope=scope)

    async def ask(self, op: Op, content: Content[_M], request_id: str) -> Decision[_M]:
        """What the plugin decides. Raises :class:`~aiofrp.errors.FrpError`."""
        request = encode_request(op, content)
        text = await self.caller.post(op.value, request_id, request, for_user=op is Op.NEW_USER_CONN)
        return decode_answer(type(content.message), text)


def _log_failure(op: Op, plugin: _Plugin, request_id: str, error: FrpError) -> None:
    log = _failures[op].bind(f"reqid: {request_id}")
    level = logging.INFO if op is Op.NEW_USER_CONN else logging.WARNING
    log.log(level, "send %s request to plugin [%s] error: %s", op, plugin.name, error)
