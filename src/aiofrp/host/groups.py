"""Load balancing groups: proxies of any clients that share one port or route (docs/protocol/server.md §5).

The first member opens what the group serves and fixes its parameters; the last one to leave closes it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from hmac import compare_digest
from typing import TypeVar

from aiofrp.compiled.marks import mypyc_attr
from aiofrp.errors import ProxyError
from aiofrp.host.route import DIRECT, Origin, Route
from aiofrp.stream.base import Stream
from aiofrp.wire.frp.messages import NewProxy

_T = TypeVar("_T")


class _Group:
    __slots__ = ("key", "parameters", "target")

    def __init__(self, key: str, parameters: tuple[object, ...], target: object) -> None:
        self.key = key
        self.parameters = parameters
        self.target = target


class Groups:
    """The groups of one proxy type on one frps, by name over all clients; limited by the number of proxies.

    A group's target is what its members share: an object of a class that the type chooses. A first member opens it
    under ``lock``, for claims are awaited.
    """

    def __init__(self) -> None:
        self._table: dict[str, _Group] = {}
        self.lock = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._table)

    def find(
        self,
        message: NewProxy,
        target: type[_T],
        parameters: tuple[object, ...],
        mismatch: str = "group params invalid",
    ) -> _T | None:
        """The target of the group ``message`` asks for, of the class ``target``; ``None`` when its proxy is the first
        member.

        Raises :class:`~aiofrp.errors.ProxyError` when the parameters (with the text ``mismatch``) or the key differ
        from those of the first member.
        """
        group = self._table.get(message.group)
        if group is None:
            return None
        if group.parameters != parameters:
            raise ProxyError(mismatch)
        if not compare_digest(group.key.encode(), message.group_key.encode()):
            raise ProxyError("group auth failed")
        assert isinstance(group.target, target), "all members of a group are of one type"
        return group.target

    def add(self, message: NewProxy, parameters: tuple[object, ...], target: object) -> None:
        """Found the group of ``message`` around an open ``target``."""
        self._table[message.group] = _Group(message.group_key, parameters, target)

    def remove(self, name: str) -> None:
        """The last member has left."""
        del self._table[name]


@mypyc_attr(allow_interpreted_subclasses=True)
class Turns:
    """A :class:`~aiofrp.host.route.Route` whose users go to its members in turn, beginning with the first; a new
    member waits behind all others.

    The reference hands a connection to the member that waits longest, which comes to the same.
    """

    __slots__ = ("_waiting",)

    def __init__(self, *members: Route) -> None:
        self._waiting = deque(members)  # limited by the number of proxies

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, member: Route) -> None:
        """Let ``member`` serve users, too."""
        self._waiting.append(member)

    def remove(self, member: Route) -> None:
        """``member`` gets no more users."""
        self._waiting.remove(member)

    def accept(self, stream: Stream, early: bytes = b"", info: Origin = DIRECT) -> None:
        """Give a user to the member whose turn it is; see :meth:`aiofrp.host.route.Route.accept`."""
        waiting = self._waiting
        if not waiting:  # the last member has just left
            stream.abort()
            return
        member = waiting[0]
        waiting.rotate(-1)
        member.accept(stream, early, info)
