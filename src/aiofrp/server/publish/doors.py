"""The doors of secret proxies on frps: which are open, and who may enter
(docs/protocol/server.md §9.1).

A visitor that enters is joined at once: there is no queue of its own, so its limits are those of any user waiting for
a work connection.
"""

from __future__ import annotations

from aiofrp.errors import AuthError, ProxyError
from aiofrp.host.contexts import Door
from aiofrp.host.lease import Lease
from aiofrp.server.directory import Directory
from aiofrp.wire.frp.auth import matches, sign_key
from aiofrp.wire.frp.messages import NewVisitorConn


class Visitors:
    """The doors of all secret proxies by name; limited by the number of proxies. See
    :class:`aiofrp.host.contexts.Doors`."""

    def __init__(self) -> None:
        self._doors = Directory[str, Door](
            lambda name: ProxyError(f"custom listener for [{name}] is repeated")
        )

    def __len__(self) -> int:
        return len(self._doors)

    async def claim(self, name: str, door: Door) -> Lease:
        """Open ``door`` for the proxy ``name`` until the lease ends. Raises :class:`~aiofrp.errors.ProxyError` when it
        has one."""
        return await self._doors.claim(name, door)

    def find(self, message: NewVisitorConn, user: str) -> Door:
        """The door that ``message`` asks for; ``user``: that of the visitor's client, or empty.

        Raises :class:`~aiofrp.errors.FrpError` with the reference's text for a door that does not exist, a secret
        that is wrong and a user who may not enter; in this order.
        """
        name = message.proxy_name
        door = self._doors.find(name)
        if door is None:
            raise ProxyError(f"custom listener for [{name}] doesn't exist")
        if not matches(message.sign_key, sign_key(door.secret_key, message.timestamp)):
            raise AuthError(f"visitor connection of [{name}] auth failed")
        if user not in door.allow_users and "*" not in door.allow_users:
            raise AuthError(f"visitor connection of [{name}] user [{user}] not allowed")
        return door
