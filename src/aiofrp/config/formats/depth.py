"""The limit of nesting for parsers that recurse: Python's own, raised as an error of the configuration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiofrp.errors import ConfigError


def within_depth(parser: Callable[..., Any], text: str, **options: Any) -> Any:
    """What ``parser`` makes of ``text``; raises ConfigError where it would nest deeper than Python's stack."""
    try:
        return parser(text, **options)
    except RecursionError:
        raise ConfigError("the values are nested too deeply") from None
