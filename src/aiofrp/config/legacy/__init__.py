"""INI files turned into the new format.

Pure: from parsed INI to the tree a file of the new format would hold, and warnings. Nothing here reads files,
completes or validates; that is the same for all formats.
"""

from __future__ import annotations

from aiofrp.config.legacy.client import client_includes, convert_client
from aiofrp.config.legacy.common import LegacyResult
from aiofrp.config.legacy.names import written
from aiofrp.config.legacy.reader import LegacyWarning
from aiofrp.config.legacy.server import convert_server

__all__ = ["LegacyResult", "LegacyWarning", "client_includes", "convert_client", "convert_server", "written"]
