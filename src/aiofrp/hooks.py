"""Decide what clients and users of frps may do.

Override methods of :class:`ServerHooks` and give an object of the class to ``aiofrp.Server(hooks=…)``. The same class
serves any frps, also Go's, as a server plugin over HTTP: :class:`PluginApp` makes an ASGI application of it.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from msgspec.structs import replace

from aiofrp.errors import ProxyError
from aiofrp.host.user import UserInfo
from aiofrp.library.pluginapp import PluginApp
from aiofrp.server.hooks import ClientInfo, NoHooks, Op
from aiofrp.wire.frp.messages import CloseProxy, Login, NewProxy, NewWorkConn, Ping

__all__ = [
    "ClientInfo",
    "CloseProxy",
    "Login",
    "NewProxy",
    "NewWorkConn",
    "Ping",
    "PluginApp",
    "Refused",
    "ServerHooks",
    "UserInfo",
    "replace",
]


class Refused(ProxyError):
    """Raised by a hook to refuse; the client gets the text. Users of a proxy get none, their connection is closed."""


class ServerHooks(NoHooks):
    """Base of hooks: it lets everything pass, and frps asks only about the methods that a subclass overrides.

    A method returns the message to use: the one it got, or :func:`replace` of it. It raises :class:`Refused`. While it
    waits, it holds up the messages of that client, or that user, and no others. Any other exception is logged with its
    traceback and refuses as well.
    """

    @cached_property
    def asked(self) -> Collection[Op]:  # type: ignore[override] # computed once, never set
        """The events whose methods are overridden."""
        return frozenset(
            op for op, name in _METHODS.items() if getattr(type(self), name) is not getattr(NoHooks, name)
        )


_METHODS = {
    Op.LOGIN: "login",
    Op.NEW_PROXY: "new_proxy",
    Op.CLOSE_PROXY: "close_proxy",
    Op.PING: "ping",
    Op.NEW_WORK_CONN: "new_work_conn",
    Op.NEW_USER_CONN: "new_user_conn",
}
