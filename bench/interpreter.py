"""The Python that programs of this checkout run with: the quickest one of its version.

A CPython that was built with profile-guided optimisation takes 11 to 20 % less processor time for everything but bulk
transfer, so a figure without its interpreter says little. Distributions do not say how theirs were built: they are
timed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: Seconds an interpreter has to say what it is.
_LIMIT = 60.0
#: Another one is taken where it needs at most this share of the time of the checkout's own.
_QUICKER = 0.95
#: What an interpreter is asked: its version and build, and how long calls of methods take it at best. It must load the
#: libraries that the programs need.
_QUESTION = """
import json, platform, ssl, sysconfig, time
import msgspec, uvloop, cryptography.hazmat.bindings._rust

class Counter:
    def __init__(self): self.count = 0
    def add(self, data): self.count += len(data); return self.count

def work():
    start = time.perf_counter()
    counter, parts = Counter(), {}
    for number in range(50_000):
        parts[number % 97] = counter.add(b"x" * 8)
    return time.perf_counter() - start

flags = " ".join(str(sysconfig.get_config_var(name)) for name in ("CONFIG_ARGS", "CFLAGS")).replace("'", " ").split()
told = [flag for flag in flags if flag in ("--enable-optimizations", "--with-lto") or flag.startswith("-O")]
seconds = min(work() for _ in range(20))
print(json.dumps([platform.python_version(), sorted(set(told)), seconds, " ".join(ssl.OPENSSL_VERSION.split()[:2])]))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python: its program, its version, what it says of its build, the seconds of a fixed piece of work, and the
    version of its OpenSSL, which bulk data over TLS depends on."""

    path: str
    version: str
    flags: list[str]
    seconds: float
    openssl: str

    def __str__(self) -> str:
        built = " ".join(self.flags) or "says nothing of its build"
        return f"Python {self.version} ({built}) with {self.openssl}"

    def command(self, module: str) -> tuple[str, ...]:
        """The command line that runs a module of this checkout."""
        if self.path == sys.executable:
            return (self.path, "-m", module)
        return ("env", f"PYTHONPATH={_path()}", self.path, "-m", module)


def _path() -> str:
    """The folders of this checkout's sources and of the libraries that are installed for it."""
    return os.pathsep.join((str(Path(__file__).parent.parent / "src"), sysconfig.get_path("purelib")))


def _candidates() -> Iterator[str]:
    """This Python, and others of its version, which can load the same libraries."""
    yield sys.executable
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for folder in ("/usr/bin", "/usr/local/bin"):
        if found := shutil.which(name, path=folder):
            yield found


def ask(path: str) -> Interpreter | None:
    """What the Python at ``path`` is; ``None`` where it cannot run the programs."""
    try:
        said = subprocess.run(
            [path, "-c", _QUESTION],
            capture_output=True,
            check=True,
            timeout=_LIMIT,
            env={**os.environ, "PYTHONPATH": _path()},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return Interpreter(path, *json.loads(said.stdout))


@cache
def known() -> tuple[Interpreter, ...]:
    """The checkout's own, and the others of its version that can run the programs."""
    return tuple(found for path in _candidates() if (found := ask(path)) is not None)


def chosen() -> Interpreter:
    """The quickest one; the checkout's own where none is clearly quicker."""
    own, *others = known()
    best = min(others, key=lambda one: one.seconds, default=own)
    return best if best.seconds < own.seconds * _QUICKER else own


def described() -> str:
    """:func:`chosen` for a report, with its advantage over the checkout's own."""
    own, best = known()[0], chosen()
    if best is own:
        return str(best)
    return f"{best}, {own.seconds / best.seconds:.2f} times as quick as the checkout's {own.version}"
