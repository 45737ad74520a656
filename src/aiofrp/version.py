"""The release of this package, and the release of frp that it matches."""

from __future__ import annotations

from typing import Final

__version__ = "0.1.0"

#: The release of frp whose behaviour is matched; sent to peers and printed by ``-v``.
FRP_VERSION: Final = "0.70.1"
