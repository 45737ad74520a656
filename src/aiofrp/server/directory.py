"""Who owns which name: looked up in the same call, claimed by awaiting.

In one process it is a dictionary and a claim never waits. Callers await it all the same, so that names may be shared
by several processes later.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import partial
from typing import Generic, TypeVar

from aiofrp.errors import FrpError, ProxyError
from aiofrp.host.lease import Lease

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Directory(Generic[_K, _V]):
    """Names of one kind with their owners; limited by the limits of those who claim.

    An owner is an object of its own for each claim: a lease gives back a name only while its own owner has it.
    """

    def __init__(self, taken: Callable[[_K], FrpError] = lambda name: ProxyError(f"{name} is taken")) -> None:
        """``taken``: the refusal for a name that has another owner."""
        self._owners: dict[_K, _V] = {}
        self._taken = taken

    def __len__(self) -> int:
        return len(self._owners)

    def __contains__(self, name: object) -> bool:
        return name in self._owners

    def __iter__(self) -> Iterator[_V]:
        """The owners, in the order in which their names were claimed first."""
        return iter(self._owners.values())

    def find(self, name: _K) -> _V | None:
        """The owner of ``name``; ``None`` when it has none."""
        return self._owners.get(name)

    async def claim(self, name: _K, owner: _V, *, instead_of: _V | None = None) -> Lease:
        """Make ``owner`` the owner of ``name`` until the lease ends.

        ``instead_of``: the owner that is replaced; its lease has no effect from then on. Raises what ``taken`` returns
        when the present owner is another one; nothing is changed then.
        """
        if self._owners.get(name) is not instead_of:
            raise self._taken(name)
        self._owners[name] = owner
        return Lease(partial(self._give_back, name, owner))

    def _give_back(self, name: _K, owner: _V) -> None:
        if self._owners.get(name) is owner:
            del self._owners[name]
