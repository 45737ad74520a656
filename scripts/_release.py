"""Makes and checks what is released; ``scripts/release`` starts it in an environment with the tools."""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIST = ROOT / "dist"
#: The oldest Python that the package runs on.
OLDEST = (3, 11)
#: How the name of a wheel ends that is all Python.
PURE = "-none-any.whl"
#: The commands that an installation has, and how each is asked for its version.
COMMANDS = {"frps": "-v", "frpc": "-v", "aiofrp": "--version"}


def say(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def run(*words: str | Path, environ: Mapping[str, str] | None = None) -> str:
    """Run a program; what it printed. Ends this one, with the output, where that fails."""
    done = subprocess.run(
        [str(word) for word in words],
        cwd=ROOT,
        env={**os.environ, **(environ or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{shlex.join(map(str, words))}: exit status {done.returncode}\n{done.stdout}")
    return done.stdout


# The Pythons of this machine


def candidates() -> Iterator[Path]:
    """Programs that may be a Python: on PATH, of pyenv, of uv."""
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        yield from sorted(Path(folder).glob("python3.[1-9][0-9]")) if folder else ()
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(root.glob("versions/*/bin/python"))
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local/share/uv/python")
    yield from sorted(uv.glob("*/bin/python3"))


def pythons(found: Sequence[Path]) -> dict[tuple[int, int], Path]:
    """The Pythons that are new enough and whole, one for each minor release."""
    code = "import ensurepip, sys, venv; print(*sys.version_info[:2])"
    known: dict[tuple[int, int], Path] = {}
    for path in found:
        done = subprocess.run([path, "-c", code], capture_output=True, text=True, check=False)
        words = done.stdout.split()
        if done.returncode == 0 and len(words) == 2:
            version = int(words[0]), int(words[1])
            if version >= OLDEST:
                known.setdefault(version, path)
    return dict(sorted(known.items()))


# Making


def make() -> tuple[Path, Path]:
    """The wheel that is all Python, and the source distribution, which the wheel is built from."""
    shutil.rmtree(DIST, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT)
    (wheel,), (source,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    run(sys.executable, "-m", "twine", "check", "--strict", wheel, source)
    say(f"{wheel.name} and {source.name} are made, their description can be shown")
    return wheel, source


def make_compiled(python: Path, folder: Path) -> Path:
    """The wheel with compiled modules for this system and one Python."""
    run(python, "-m", "venv", folder)
    pip = (folder / "bin" / "python", "-m", "pip", "wheel", "--disable-pip-version-check", "--no-deps")
    run(*pip, "--wheel-dir", folder / "made", ROOT, environ={"AIOFRP_COMPILE": "1"})
    (made,) = (folder / "made").glob("*.whl")
    if PURE in made.name:
        sys.exit(f"{made.name}: nothing was compiled")
    wheel = for_all_linux(made) if sys.platform == "linux" else Path(shutil.copy(made, DIST))
    run(sys.executable, "-m", "twine", "check", "--strict", wheel)
    say(f"{wheel.name} is made")
    return wheel


def for_all_linux(made: Path) -> Path:
    """The wheel in ``dist/`` under the name of the oldest C library that it needs: an index takes no other."""
    bin_ = Path(sys.executable).parent
    path = os.pathsep.join([str(bin_), os.environ.get("PATH", "")])
    repaired = made.parent / "repaired"
    run(bin_ / "auditwheel", "repair", "--wheel-dir", repaired, made, environ={"PATH": path})
    (wheel,) = repaired.glob("*.whl")
    return Path(shutil.copy(wheel, DIST))


def make_single(wheel: Path) -> list[Path]:
    """``frps.pyz`` and ``frpc.pyz``: whole programs in one file each, for this Python."""
    made = []
    for name in ("frps", "frpc"):
        path = DIST / f"{name}.pyz"
        run(sys.executable, "-m", "shiv", "-q", "-c", name, "-o", path, "-p", "/usr/bin/env python3", wheel)
        made.append(path)
    return made


# Checking


def check_installed(python: Path, file: Path, folder: Path) -> str:
    """Install a file in an empty environment and use it; the version of Python and what of the pages is there."""
    run(python, "-m", "venv", folder)
    bin_ = folder / "bin"
    run(bin_ / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", file)
    for name, flag in COMMANDS.items():
        run(bin_ / name, flag)
    run(bin_ / "python", "-m", "aiofrp", "help")
    version = run(bin_ / "aiofrp", "--version").strip()
    if ("compiled" in version) != (file.suffix == ".whl" and PURE not in file.name):
        sys.exit(f"{file.name}: aiofrp --version says {version}")
    run(bin_ / "python", "-c", "import aiofrp; aiofrp.expose")
    tunnel(f"{bin_ / 'frps'}", f"{bin_ / 'frpc'}")
    where = "import aiofrp, pathlib; print((pathlib.Path(aiofrp.__file__).parent / 'pages').is_dir())"
    pages = run(bin_ / "python", "-c", where).strip() == "True"
    return (
        f"{run(bin_ / 'python', '-V').strip()}, {'with' if pages else 'WITHOUT'} the pages of the dashboards"
    )


def tunnel(frps: str, frpc: str, environ: Mapping[str, str] | None = None) -> None:
    """A page goes through a tunnel of two programs."""
    run(
        sys.executable,
        ROOT / "scripts/_demo.py",
        "--check",
        environ={**(environ or {}), "FRPS": frps, "FRPC": frpc},
    )


def main() -> None:
    """Do what the arguments ask for."""
    parser = argparse.ArgumentParser(description="Make and check what is released.")
    parser.add_argument("--list", action="store_true", help="name the Pythons that are checked")
    parser.add_argument("--python", action="append", type=Path, help="check with this Python; repeatable")
    parser.add_argument("--no-checks", action="store_true", help="make the files alone")
    asked = parser.parse_args()
    found = pythons(asked.python or list(candidates()))
    if asked.list:
        for (major, minor), path in found.items():
            say(f"{major}.{minor} {path}")
        return
    if not found:
        sys.exit("no Python that is new enough was found")
    wheel, source = make()
    single = make_single(wheel)
    with tempfile.TemporaryDirectory(prefix="aiofrp-release-") as folder:
        compiled = {
            version: make_compiled(python, Path(folder, f"{version[0]}.{version[1]}-make"))
            for version, python in found.items()
        }
        if asked.no_checks:
            return
        frps, frpc = (shlex.join([sys.executable, str(path)]) for path in single)
        tunnel(frps, frpc, environ={"SHIV_ROOT": f"{folder}/shiv"})
        say(f"{' and '.join(path.name for path in single)} make a tunnel")
        for version, python in found.items():
            for number, file in enumerate((wheel, source, compiled[version])):
                began = time.monotonic()
                place = Path(folder, f"{version[0]}.{version[1]}-{number}")
                said = check_installed(python, file, place)
                say(f"{file.name}: installs and works with {said} ({time.monotonic() - began:.0f} s)")
                shutil.rmtree(place)


if __name__ == "__main__":
    main()
