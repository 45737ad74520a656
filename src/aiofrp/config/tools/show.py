"""``aiofrp config show``: the completed configuration, with what is secret masked."""

from __future__ import annotations

import re
from typing import Any

from aiofrp.config.models.model import Model, to_tree
from aiofrp.config.tools.tomlwriter import Writer

_MASK = "***"
_USER_INFO = re.compile(r"(?<=://)([^/@:]*):[^/@]*@")
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key")


def masked_tree(config: Model) -> Any:
    """All fields as plain values: secrets, passwords in URLs and secret headers as ``***``."""
    return _masked(to_tree(config, reveal=False))


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, str):
        return _USER_INFO.sub(rf"\1:{_MASK}@", value)
    if not isinstance(value, dict):
        return value
    if set(value) == {"name", "value"} and str(value["name"]).lower() in _SECRET_HEADERS:
        return {**value, "value": _MASK}
    return {key: _MASK if key.lower() in _SECRET_HEADERS else _masked(item) for key, item in value.items()}


def show(config: Model) -> str:
    """The completed configuration as TOML without comments; not meant to be loaded again."""
    return Writer(comments=False).write(config, _without_null(masked_tree(config)))


def _without_null(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_null(item) for item in value]
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return value
