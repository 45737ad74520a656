"""A server plugin as an ASGI application: hooks that any frps asks over HTTP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from aiofrp import faults
from aiofrp.errors import FrpError, ProtocolError
from aiofrp.host.user import UserInfo
from aiofrp.server.hooks import ClientInfo, Hooks, Op
from aiofrp.server.plugins.content import ClientBlock, Content, UserConn, decode_request, encode_answer
from aiofrp.wire.frp.jsonbody import encode_body
from aiofrp.wire.frp.messages import CloseProxy, Login, NewProxy, NewWorkConn, Ping

#: Bytes of a request.
MAX_REQUEST = 1024 * 1024

_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class PluginApp:
    """The application; run it with any ASGI server::

    app = PluginApp(Accounts("users.toml"))  # uvicorn accounts:app --port 9000

    It answers POST requests of every path. What ``hooks`` are not asked about passes.
    """

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks

    async def __call__(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        """Serve one request, or the lifespan of the server."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            status, body = await self._answer(scope["method"], receive)
            kind = b"application/json" if status == 200 else b"text/plain; charset=utf-8"
            fields = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
            await send({"type": "http.response.start", "status": status, "headers": fields})
            await send({"type": "http.response.body", "body": body})

    async def _answer(self, method: str, receive: _Receive) -> tuple[int, bytes]:
        """Status and body for a request."""
        if method != "POST":
            return 405, b"a server plugin is asked with POST"
        body = await _body(receive)
        if body is None:
            return 413, b"the request has more than %d bytes" % MAX_REQUEST
        try:
            op, content = decode_request(body)
        except ProtocolError as exc:
            return 400, str(exc).encode()
        before = encode_body(content.message)  # hooks may change maps in place
        try:
            message = await self._ask(op, content)
        except FrpError as exc:
            return 200, encode_answer(str(exc) or "refused", None)
        except Exception as exc:  # noqa: BLE001 - the guard around what is not ours
            faults.report(f"hooks failed on {op}", exc)
            return 500, b"internal error of the plugin"
        if message is None or encode_body(message) == before:
            return 200, encode_answer(None, None)
        return 200, encode_answer(None, Content(message, content.client, content.address))

    async def _ask(self, op: Op, content: Content[Any]) -> Any:
        """The message that the hooks leave, or ``None``."""
        hooks, message = self._hooks, content.message
        if op not in hooks.asked:
            return None
        client = _client(content.client or ClientBlock())
        match message:
            case Login():
                return await hooks.login(message, content.address)
            case NewProxy():
                return await hooks.new_proxy(message, client)
            case CloseProxy():
                return await hooks.close_proxy(message, client)
            case Ping():
                return await hooks.ping(message, client)
            case NewWorkConn():
                return await hooks.new_work_conn(message, client)
            case UserConn() if hooks.asks_about_users(message.proxy_type):
                await hooks.new_user_conn(_user(message), client)
        return None


def _client(block: ClientBlock) -> ClientInfo:
    return ClientInfo(block.user, block.metas or {}, block.run_id)


def _user(message: UserConn) -> UserInfo:
    host, _, port = message.remote_addr.rpartition(":")
    address = (host.strip("[]"), int(port)) if port.isdecimal() and port.isascii() else ("", 0)
    return UserInfo(message.proxy_name, message.proxy_type, address)


async def _body(receive: _Receive) -> bytes | None:
    """The body of a request; ``None`` for one that is too large."""
    parts, size, more = [], 0, True
    while more:
        event = await receive()
        if event["type"] == "http.disconnect":
            break
        parts.append(event.get("body", b""))
        size += len(parts[-1])
        if size > MAX_REQUEST:
            return None
        more = event.get("more_body", False)
    return b"".join(parts)


async def _live(receive: _Receive, send: _Send) -> None:
    """Nothing is to be done at the start and the end."""
    while True:
        event = await receive()
        await send({"type": f"{event['type']}.complete"})
        if event["type"] == "lifespan.shutdown":
            return
