"""aiofrp: frp, the fast reverse proxy, in Python."""

__version__ = "0.1.0"

#: The release of frp whose behaviour is matched; told to peers and printed by ``-v``.
FRP_VERSION = "0.70.1"

__all__ = ["FRP_VERSION", "__version__"]
