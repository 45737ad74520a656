"""What differs between two configurations, by the names in their files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from aiofrp.config.models.model import Model, declared

M = TypeVar("M", bound=Model)


def differences(old: Model, new: Model, before: str = "") -> Iterator[str]:
    """The keys whose values differ, dotted: ``transport.tls.certFile``. A list counts as one value."""
    for item in declared(type(old)).values():
        left, right = getattr(old, item.name), getattr(new, item.name)
        if isinstance(left, Model) and isinstance(right, Model):
            yield from differences(left, right, f"{before}{item.alias}.")
        elif left != right:
            yield before + item.alias


def with_values(old: M, new: M, keys: frozenset[str], before: str = "") -> M:
    """``old`` with the values that ``new`` has for ``keys``, dotted as :func:`differences` gives them."""
    update: dict[str, Any] = {}
    for item in declared(type(old)).values():
        left, right = getattr(old, item.name), getattr(new, item.name)
        key = before + item.alias
        if key in keys:
            update[item.name] = right
        elif isinstance(left, Model) and isinstance(right, Model):
            update[item.name] = with_values(left, right, keys, f"{key}.")
    return old.model_copy(update=update)
