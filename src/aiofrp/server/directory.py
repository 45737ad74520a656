"""Who owns which name: looked up in the same call, claimed by awaiting.

In one process it is a dictionary and a claim never waits. Callers await it all the same, so that names may be shared
by several processes later.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from aiofrp.errors import ProxyError
from aiofrp.host.lease import Lease

_V = TypeVar("_V")


class Directory(Generic[_V]):
    """Names of one kind with what stands for each; limited by the limits of who claims."""

    def __init__(self, taken: Callable[[str], str]) -> None:
        """``taken``: the text of the refusal for a name that has an owner."""
        self._table: dict[str, _V] = {}
        self._taken = taken

    def __len__(self) -> int:
        return len(self._table)

    def __contains__(self, name: object) -> bool:
        return name in self._table

    def find(self, name: str) -> _V | None:
        """What stands for ``name``; ``None`` when nobody owns it."""
        return self._table.get(name)

    async def claim(self, name: str, value: _V) -> Lease:
        """Own ``name``, which stands for ``value``, until the lease ends.

        Raises :class:`~aiofrp.errors.ProxyError` when it has an owner.
        """
        if name in self._table:
            raise ProxyError(self._taken(name))
        self._table[name] = value
        return Lease(lambda: self._leave(name))

    def _leave(self, name: str) -> None:
        del self._table[name]
