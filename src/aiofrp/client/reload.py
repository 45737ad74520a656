"""What a new configuration changes: a pure comparison by name (spec: client §2.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar


class Named(Protocol):
    """A configuration with a name, compared by value."""

    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


@dataclass(frozen=True, slots=True)
class Diff(Generic[T]):
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
