"""Compiles the modules of the data path with mypyc when a wheel is built with ``AIOFRP_COMPILE=1``.

The same source runs as Python in every other case: source distributions, editable installs, wheels without the
variable, and where no C compiler is. ``python hatch_compile.py FOLDER`` does the work in a process of its own,
because mypyc ends its process on an error.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

#: What a build with compiled modules needs. One release of mypy: another one generates other code.
REQUIREMENTS = ["mypy==2.4.1", "setuptools>=65"]

#: The modules, as patterns below the source: callbacks that run for every chunk, connection or request. Coroutines
#: make much C, and what is subclassed by models or by several bases cannot be compiled.
MODULES = [
    "aiofrp/aio.py",
    "aiofrp/host/gate.py",
    "aiofrp/host/relay.py",
    "aiofrp/host/service.py",
    "aiofrp/http/deadline.py",
    "aiofrp/http/exchange.py",
    "aiofrp/http/heads.py",
    "aiofrp/http/scheduler.py",
    "aiofrp/http/serve.py",
    "aiofrp/http/serviceexchange.py",
    "aiofrp/http/upstream.py",
    "aiofrp/http/users.py",
    "aiofrp/http/v1/[r-u]*.py",
    "aiofrp/proxy/local.py",
    "aiofrp/server/session/[afiw]*.py",
    "aiofrp/server/vhost/[chj]*.py",
    "aiofrp/stream/base.py",
    "aiofrp/stream/layer.py",
    "aiofrp/stream/mux/*.py",
    "aiofrp/stream/splice.py",
    "aiofrp/stream/stall.py",
    "aiofrp/stream/tcp.py",
    "aiofrp/stream/tls/stream.py",
    "aiofrp/stream/transform.py",
    "aiofrp/stream/windowed.py",
    "aiofrp/wire/frp/codec*.py",
    "aiofrp/wire/frp/jsonbody.py",
    "aiofrp/wire/http/body.py",
    "aiofrp/wire/http/[fh]*.py",
    "aiofrp/wire/http/re*.py",
    "aiofrp/wire/sniff.py",
    "aiofrp/wire/yamux.py",
]
#: What these patterns match and is no part of it.
_LEFT_OUT = {"__init__.py", "auth.py", "admission.py"}
#: The shared library of all compiled modules, beside the package.
_GROUP = "aiofrp_native"
#: The module that says what was compiled, see :mod:`aiofrp.compiled.facts`.
_FACTS = Path("aiofrp/compiled/_made.py")
#: Types are checked by scripts/check; here the packages of others need not be installed, which leaves one wrong error.
#: (With ``ignore_errors`` mypyc makes C that does not compile.)
_MYPY = """[mypy]
explicit_package_bases = true
follow_imports = silent
ignore_missing_imports = true
no_site_packages = true
disable_error_code = arg-type
cache_dir = cache
"""


class NotCompiled(Exception):
    """The modules cannot be compiled here; the text says why."""


def wanted() -> bool:
    """Whether the environment asks for compiled modules."""
    return os.environ.get("AIOFRP_COMPILE") == "1"


def build(source: Path, work: Path) -> dict[str, str]:
    """Compile the modules below ``source`` in the folder ``work``, which is emptied. Returns the files made, each with
    its place in the wheel. Raises :class:`NotCompiled`."""
    shutil.rmtree(work, ignore_errors=True)
    shutil.copytree(source, work, ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, __file__, str(work)]
    done = subprocess.run(command, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        (work / "log.txt").write_text(done.stdout)
        raise NotCompiled((done.stdout.strip().splitlines() or ["mypyc failed"])[-1])
    made = [*work.glob("*.so"), *work.glob("*.pyd"), *(work / "aiofrp").rglob("*.so"), work / _FACTS]
    made += (work / "aiofrp").rglob("*.pyd")
    return {str(file): str(file.relative_to(work)) for file in made}


def modules(source: Path) -> list[str]:
    """The files to compile, relative to ``source``. Raises :class:`NotCompiled` for a pattern without a file."""
    found: set[str] = set()
    for pattern in MODULES:
        files = [file for file in source.glob(pattern) if file.name not in _LEFT_OUT]
        if not files:
            raise NotCompiled(f"no file is like {pattern}")
        found.update(file.relative_to(source).as_posix() for file in files)
    return sorted(found)


def places(source: Path, files: list[str]) -> dict[str, tuple[str, int]]:
    """The file and line of every text that the ``files`` log and no other file of the package does: compiled code has
    no frames to find its caller by."""
    elsewhere = {
        text for file in (source / "aiofrp").rglob("*.py") for text, _ in _logged(file, files, source)
    }
    found = {text: (name, line) for name in files for text, line in _logged(source / name, [], source)}
    return {text: place for text, place in found.items() if text not in elsewhere}


def _logged(file: Path, left_out: list[str], source: Path) -> Iterator[tuple[str, int]]:
    """The texts with a space that are logged in ``file``, with their lines."""
    if file.relative_to(source).as_posix() in left_out:
        return
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _LEVELS:
            for argument in node.args[:2]:
                if isinstance(argument, ast.Constant) and " " in str(argument.value):
                    yield str(argument.value), node.lineno


_LEVELS = {"trace", "debug", "info", "warning", "error", "log"}


def _compile(work: Path) -> None:
    from mypyc.build import mypycify
    from setuptools import Distribution
    from setuptools.command.build_ext import build_ext

    class Parallel(build_ext):  # type: ignore[misc]  # setuptools has no types here
        """Compiles the files of one extension side by side."""

        def build_extension(self, ext: Any) -> None:
            """Compile and link ``ext``."""
            for made in self.compiler.object_filenames(ext.sources, output_dir=self.build_temp):
                Path(made).parent.mkdir(parents=True, exist_ok=True)

            def one(file: str) -> list[str]:
                return list(
                    self.compiler.compile(
                        [file],
                        output_dir=self.build_temp,
                        include_dirs=ext.include_dirs,
                        extra_postargs=ext.extra_compile_args,
                    )
                )

            with ThreadPoolExecutor(os.cpu_count()) as pool:
                objects = list(pool.map(one, ext.sources))
            ext.sources, ext.extra_objects = [], [file for files in objects for file in files]
            super().build_extension(ext)

    files = modules(work)
    (work / "mypy.ini").write_text(_MYPY)
    extensions = mypycify(
        ["--config-file=mypy.ini", *files],
        opt_level="3",
        debug_level="0",
        multi_file=True,
        target_dir="c",
        group_name=_GROUP,
    )
    facts = f"MODULES = {files!r}\nPLACES = {places(work, files)!r}\n"
    (work / _FACTS).write_text(f'"""What was compiled; made by hatch_compile.py."""\n\n{facts}')
    command = Parallel(Distribution({"name": "aiofrp", "ext_modules": extensions}))
    command.inplace, command.build_temp = True, "objects"
    command.ensure_finalized()
    command.run()


if __name__ == "__main__":
    _compile(Path(sys.argv[1]))
