"""The pages of the dashboards: the built ones, those of a folder, and what stands where none were built."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiofrp.config.models.shared import WebServerConfig
from aiofrp.config.models.types import Secret
from aiofrp.webserver import pages
from aiofrp.webserver.pages import POLICY, Program, add_pages
from aiofrp.webserver.server import WebServer
from tests.support.admin import Caller, basic, calling
from tests.support.ports import free_port


@asynccontextmanager
async def served(program: Program, assets_dir: str = "", password: str = "") -> AsyncIterator[Caller]:
    """Calls to a web server with nothing but pages."""
    config = WebServerConfig(port=free_port(), password=Secret(password))
    server = WebServer(config)
    add_pages(server, program, assets_dir)
    await server.start()
    try:
        async with calling(config.port) as call:
            yield call
    finally:
        await server.close()


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pages as the build makes them."""
    (tmp_path / "assets").mkdir()
    for program in ("frps", "frpc"):
        (tmp_path / f"{program}.html").write_text(f"<p>{program}</p>")
    script = tmp_path / "assets" / "app-1.js"
    script.write_text("alert(1)" * 100)
    script.with_name("app-1.js.gz").write_bytes(gzip.compress(script.read_bytes()))
    (tmp_path / "assets" / "icon-1.svg").write_text("<svg/>")
    (tmp_path / "built-from").write_text("x")
    monkeypatch.setattr(pages, "BUILT", tmp_path)
    return tmp_path


async def test_each_program_has_its_first_page_and_a_strict_policy(built: Path) -> None:
    for program in ("frps", "frpc"):
        async with served("frps" if program == "frps" else "frpc") as call:
            status, headers, body = await call("GET", "/static/")
            assert (status, body) == (200, f"<p>{program}</p>")
            assert headers["content-security-policy"] == POLICY
            assert "unsafe" not in POLICY
            assert headers["cache-control"] == "no-cache"
            unchanged = await call("GET", "/static/", headers={"If-None-Match": headers["etag"]})
            assert (unchanged[0], unchanged[2]) == (304, "")
            assert (await call("GET", "/static/index.html"))[2] == body
            assert (await call("HEAD", "/static/"))[0] == 405


async def test_assets_are_compressed_and_kept(built: Path) -> None:
    async with served("frps") as call:
        for encoding, expected in (("gzip", "gzip"), ("identity", None)):
            status, headers, body = await call(
                "GET", "/static/assets/app-1.js", headers={"Accept-Encoding": encoding}
            )
            assert (status, body) == (200, "alert(1)" * 100)
            assert headers.get("content-encoding") == expected
            assert "immutable" in headers["cache-control"]
        assert (await call("GET", "/favicon.ico"))[1]["content-type"] == "image/svg+xml"


async def test_requests_for_pages_are_no_lines_of_the_log(
    built: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "aiofrp")
    async with served("frps") as call:
        for path in ("/static/", "/static/assets/app-1.js", "/favicon.ico"):
            assert (await call("GET", path))[0] == 200
    levels = {record.levelname for record in caplog.records if "http re" in record.getMessage()}
    assert levels == {"DEBUG"}


async def test_nothing_else_is_served(built: Path) -> None:
    async with served("frps") as call:
        for path in (
            "built-from",
            "frpc.html",
            "assets/none.js",
            "assets/../built-from",
            "%2e%2e/x",
            "assets/",
        ):
            assert (await call("GET", f"/static/{path}"))[0] in (301, 404), path


async def test_pages_need_the_password(built: Path) -> None:
    async with served("frps", password="right") as call:
        assert (await call("GET", "/static/"))[0] == 401
        call.credentials = basic("", "right")
        assert (await call("GET", "/static/"))[0] == 200


async def test_without_a_build_the_page_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "BUILT", tmp_path / "none")
    async with served("frpc") as call:
        status, _, body = await call("GET", "/static/")
        assert status == 200
        assert "python web/build.py" in body
        assert (await call("GET", "/favicon.ico"))[0] == 404
        (tmp_path / "none").mkdir()
        (tmp_path / "none" / "frpc.html").write_text("built")
        assert (await call("GET", "/static/"))[2] == "built"  # the program need not be started again


async def test_a_folder_of_the_user_is_served_instead(tmp_path: Path) -> None:
    site = tmp_path / "site"
    (site / "a b").mkdir(parents=True)
    (site / "index.html").write_text("mine")
    (site / "a b" / "x.css").write_text("p {}")
    (site / "favicon.ico").write_bytes(b"icon")
    (tmp_path / "secret").write_text("secret")
    async with served("frps", assets_dir=str(site)) as call:
        status, headers, body = await call("GET", "/static/")
        assert (status, body) == (200, "mine")
        assert "content-security-policy" not in headers  # the reference's pages were not made for ours
        assert (await call("GET", "/static/a%20b/x.css"))[1]["content-type"] == "text/css"
        assert (await call("GET", "/favicon.ico"))[2] == "icon"
        for path in ("../secret", "%2e%2e/secret", "..%2fsecret", "a%20b", "a%20b/", "none", "x%00"):
            assert (await call("GET", f"/static/{path}"))[0] in (301, 404), path
