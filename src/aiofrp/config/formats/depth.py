"""The limit of nesting for parsers that recurse, and for what reads their trees."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from aiofrp.errors import ConfigError

_NESTING = (dict, list, tuple)
#: Lists and tables inside each other. A configuration needs less than ten, and what reads a tree takes a few of
#: Python's 1000 frames for each. A parser's own limit is no help: since Python 3.14 it grows with the process's stack.
MAX_DEPTH = 200


def within_depth(parser: Callable[..., Any], text: str, **options: Any) -> Any:
    """What ``parser`` makes of ``text``; raises ConfigError where its values nest deeper than :data:`MAX_DEPTH`."""
    try:
        tree = parser(text, **options)
    except RecursionError:
        raise _too_deep() from None
    if isinstance(tree, _NESTING) and depth_above(tree, MAX_DEPTH):
        raise _too_deep()
    return tree


def depth_above(tree: Any, most: int) -> bool:
    """Whether lists and tables nest deeper than ``most``. Takes no stack, and time with the number of values: one that
    stands in several places, as aliases of YAML do, counts once a level."""
    level = [tree]
    for _ in range(most):
        inner = (child for item in level for child in _children(item))
        level = list({id(child): child for child in inner if isinstance(child, _NESTING)}.values())
        if not level:
            return False
    return True


def _children(item: Any) -> Iterable[Any]:
    return item.values() if isinstance(item, dict) else item


def _too_deep() -> ConfigError:
    return ConfigError("the values are nested too deeply")
