"""What a new configuration changes: a pure comparison by name (docs/protocol/client.md §2.3)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Generic, Protocol, TypeVar

from msgspec import Struct

from aiofrp.config.models.client import ClientConfig
from aiofrp.config.tools.compare import differences

#: Keys a reload takes over; the effect of ``start`` and ``includes`` is in the other two.
_LIVE: Final = frozenset({"proxies", "visitors", "start", "includes"})


class Named(Protocol):
    """A configuration with a name, compared by value."""

    @property
    def name(self) -> str:
        """Unique among those of its kind."""


T = TypeVar("T", bound=Named)


class Diff(Struct, Generic[T], frozen=True):
    """Names to stop, and configurations to start, in order; a changed one is in both."""

    remove: tuple[str, ...]
    add: tuple[T, ...]

    def __bool__(self) -> bool:
        return bool(self.remove or self.add)


def diff(old: Iterable[T], new: Iterable[T]) -> Diff[T]:
    """Compare two sets of proxies (or visitors); equal ones appear nowhere."""
    before = {item.name: item for item in old}
    after = {item.name: item for item in new}
    remove = tuple(name for name, item in sorted(before.items()) if after.get(name) != item)
    add = tuple(item for name, item in sorted(after.items()) if before.get(name) != item)
    return Diff(remove, add)


def restart_keys(running: ClientConfig, loaded: ClientConfig) -> tuple[str, ...]:
    """The keys of a new configuration that a running frpc cannot take over."""
    resolved = {"auth.token"} if loaded.auth.token_source is not None else frozenset()
    return tuple(key for key in differences(running, loaded) if key not in _LIVE | resolved)
