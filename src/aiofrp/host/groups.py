"""Load balancing groups: proxies of any clients that share one port or route (docs/protocol/server.md §5).

The first member opens what the group serves and fixes its parameters; the last one to leave closes it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any, Generic, Protocol, TypeVar

from aiofrp.errors import ProxyError
from aiofrp.wire.frp.messages import NewProxy


class Target(Protocol):
    """What a port, a route or a group leads to: the members that serve it."""

    def __len__(self) -> int:
        """The number of members."""

    def add(self, member: Any, /) -> None:
        """Another member serves it too."""

    def remove(self, member: Any, /) -> None:
        """A member is withdrawn."""


_T = TypeVar("_T")
_M = TypeVar("_M")


@dataclass(slots=True)
class _Group(Generic[_T]):
    key: str
    parameters: tuple[object, ...]
    target: _T


class Groups(Generic[_T]):
    """The groups of one proxy type on one frps, by name over all clients; limited by the number of proxies.

    A group's target is what its members share. ``lock`` is for types that have to wait while they open it.
    """

    def __init__(self) -> None:
        self._table: dict[str, _Group[_T]] = {}
        self.lock = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._table)

    def find(
        self, message: NewProxy, parameters: tuple[object, ...], mismatch: str = "group params invalid"
    ) -> _T | None:
        """The target of the group ``message`` asks for; ``None`` when its proxy is the first member.

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
        return group.target

    def add(self, message: NewProxy, parameters: tuple[object, ...], target: _T) -> None:
        """Found the group of ``message`` around an open ``target``."""
        self._table[message.group] = _Group(message.group_key, parameters, target)

    def remove(self, name: str) -> None:
        """The last member has left."""
        del self._table[name]


class Turns(Generic[_M]):
    """Members that take turns, beginning with the first; a new one waits behind all others.

    The reference hands a connection to the member that waits longest, which comes to the same.
    """

    __slots__ = ("_waiting",)

    def __init__(self, *members: _M) -> None:
        self._waiting = deque(members)  # limited by the number of proxies

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, member: _M) -> None:
        self._waiting.append(member)

    def remove(self, member: _M) -> None:
        self._waiting.remove(member)

    def next(self) -> _M:
        """The member whose turn it is."""
        member = self._waiting[0]
        self._waiting.rotate(-1)
        return member
