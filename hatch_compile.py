"""Compiles the modules of the data path with mypyc, where ``AIOFRP_COMPILE=1`` asks for a wheel with them.

The same source runs as Python everywhere else: source distributions, editable installs and all other wheels.

``python hatch_compile.py`` prints a folder with the compiled package, for the tests; its exit code is 2 where there is
no C compiler or no ``Python.h``. ``python hatch_compile.py FOLDER`` compiles there, in a process of its own, because
mypyc ends its process on an error.
"""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
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
    "aiofrp/client/control.py",
    "aiofrp/client/proxies.py",
    "aiofrp/host/g*.py",
    "aiofrp/host/messages.py",
    "aiofrp/host/relay.py",
    "aiofrp/host/service.py",
    "aiofrp/http/answers.py",
    "aiofrp/http/deadline.py",
    "aiofrp/http/exchange.py",
    "aiofrp/http/heads.py",
    "aiofrp/http/scheduler.py",
    "aiofrp/http/serve.py",
    "aiofrp/http/serviceexchange.py",
    "aiofrp/http/upstream.py",
    "aiofrp/http/users.py",
    "aiofrp/http/v1/[r-u]*.py",
    "aiofrp/logs.py",
    "aiofrp/proxy/datagrams/*.py",
    "aiofrp/proxy/local.py",
    "aiofrp/server/directory.py",
    "aiofrp/server/plugins/ca*.py",
    "aiofrp/server/plugins/chain.py",
    "aiofrp/server/publish/context.py",
    "aiofrp/server/publish/flow.py",
    "aiofrp/server/publish/published.py",
    "aiofrp/server/session/[afiw]*.py",
    "aiofrp/server/session/opener.py",
    "aiofrp/server/session/probe.py",
    "aiofrp/server/vhost/[chj]*.py",
    "aiofrp/stream/base.py",
    "aiofrp/stream/layer.py",
    "aiofrp/stream/lent.py",
    "aiofrp/stream/mux/*.py",
    "aiofrp/stream/quic/s*.py",
    "aiofrp/stream/splice.py",
    "aiofrp/stream/stall.py",
    "aiofrp/stream/tcp.py",
    "aiofrp/stream/tls/stream.py",
    "aiofrp/stream/transform.py",
    "aiofrp/stream/udp/socket.py",
    "aiofrp/stream/websocket.py",
    "aiofrp/stream/windowed.py",
    "aiofrp/transport/session.py",
    "aiofrp/transport/tcp.py",
    "aiofrp/wire/addresses.py",
    "aiofrp/wire/frp/codec*.py",
    "aiofrp/wire/frp/jsonbody.py",
    "aiofrp/wire/frp/opening.py",
    "aiofrp/wire/frp/proxyproto.py",
    "aiofrp/wire/frp/udppacket.py",
    "aiofrp/wire/http/body.py",
    "aiofrp/wire/http/[fh]*.py",
    "aiofrp/wire/http/re*.py",
    "aiofrp/wire/jsontext.py",
    "aiofrp/wire/router.py",
    "aiofrp/wire/sniff.py",
    "aiofrp/wire/transforms/aescfb.py",
    "aiofrp/wire/websocket.py",
    "aiofrp/wire/yamux.py",
]
#: What these patterns match and is no part of it.
_LEFT_OUT = {"__init__.py", "auth.py", "admission.py"}
#: The shared library of all compiled modules, beside the package.
_GROUP = "aiofrp_native"
#: Folders of what is made on the way.
_BETWEEN = ["c", "cache", "objects"]
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
    """Whether a wheel gets compiled modules: ``AIOFRP_COMPILE=1`` asks for them."""
    return os.environ.get("AIOFRP_COMPILE") == "1"


def lacking() -> str:
    """What a machine needs to compile and this one does not have; empty when it has all."""
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    header = Path(sysconfig.get_path("include")) / "Python.h"
    return "" if shutil.which(compiler) and header.is_file() else f"{compiler} or {header} is missing"


def build(source: Path, place: Path) -> Path:
    """Compile the modules below ``source`` in a folder below ``place``, unless it is there from an earlier build of the
    same source; those of other sources are removed. Returns the folder: the package with its compiled modules. Raises
    :class:`NotCompiled`."""
    done = place / _fingerprint(source)
    if done.is_dir():
        return done
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    work = Path(tempfile.mkdtemp(prefix="making-", dir=place))
    shutil.copytree(source, work, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    command = [sys.executable, str(Path(__file__).resolve()), str(work)]
    made = subprocess.run(command, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if made.returncode:
        (place / "log.txt").write_text(made.stdout)
        raise NotCompiled((made.stdout.strip().splitlines() or ["mypyc failed"])[-1])
    for folder in _BETWEEN:
        shutil.rmtree(work / folder)
    work.chmod(0o755)
    return work.rename(done)


def _fingerprint(source: Path) -> str:
    """A digest of the whole package, as the C code depends on the types of all of it, of this file and of what
    compiles."""
    digest = hashlib.sha256(f"{sys.version} {sysconfig.get_platform()} {os.environ.get('CFLAGS')}".encode())
    for file in [Path(__file__), *sorted(source.rglob("*"))]:
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(f"{file.relative_to(source) if file.is_relative_to(source) else ''}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def for_wheel(folder: Path) -> dict[str, str]:
    """The files in a ``folder`` that :func:`build` returned and ``src`` does not have, each with its place in the
    wheel."""
    libraries = [file for pattern in ("*.so", "*.pyd") for file in folder.rglob(pattern)]
    return {str(file): str(file.relative_to(folder)) for file in [*libraries, folder / _FACTS]}


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
    files = modules(work)
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

    (work / "cache").mkdir()
    (work / "cache" / "mypy.ini").write_text(_MYPY)
    extensions = mypycify(
        ["--config-file=cache/mypy.ini", *files],
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


def main(arguments: list[str]) -> int:
    """Do what the arguments ask for; returns the exit code."""
    if arguments:
        _compile(Path(arguments[0]))
        return 0
    if missing := lacking():
        print(f"nothing is compiled: {missing}", file=sys.stderr)
        return 2
    root = Path(__file__).resolve().parent
    try:
        print(build(root / "src", root / "build" / "compiled"))
    except NotCompiled as error:
        print(f"nothing is compiled: {error}; build/compiled/log.txt has more", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
