"""aiofrp: frp, the fast reverse proxy, in Python.

The library is loaded when one of its names is first used: importing this package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aiofrp.version import FRP_VERSION, __version__

if TYPE_CHECKING:
    from aiofrp.library.client import Client
    from aiofrp.library.exposure import Exposure, expose
    from aiofrp.library.server import Server
    from aiofrp.library.tunnel import Tunnel

__all__ = ["FRP_VERSION", "Client", "Exposure", "Server", "Tunnel", "__version__", "expose"]

_LIBRARY = {
    "Client": "aiofrp.library.client",
    "Server": "aiofrp.library.server",
    "Tunnel": "aiofrp.library.tunnel",
    "expose": "aiofrp.library.exposure",
    "Exposure": "aiofrp.library.exposure",
}


def __getattr__(name: str) -> Any:
    if name not in _LIBRARY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_LIBRARY[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LIBRARY})
