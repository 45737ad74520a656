"""INI files turned into the new format.

Pure: from parsed INI to the tree a file of the new format would hold, and warnings. Nothing here reads files,
completes or validates; that is the same for all formats. The parts are loaded when one of their names is first used:
few files are INI.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiofrp.config.legacy.client import client_includes, convert_client
    from aiofrp.config.legacy.common import LegacyResult
    from aiofrp.config.legacy.names import written
    from aiofrp.config.legacy.reader import LegacyWarning
    from aiofrp.config.legacy.server import convert_server

__all__ = ["LegacyResult", "LegacyWarning", "client_includes", "convert_client", "convert_server", "written"]

_PARTS = {
    "LegacyResult": "common",
    "LegacyWarning": "reader",
    "client_includes": "client",
    "convert_client": "client",
    "convert_server": "server",
    "written": "names",
}


def __getattr__(name: str) -> Any:
    if name not in _PARTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_PARTS[name]}"), name)
