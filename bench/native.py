"""The load generator in C, ``native.c``: compiled when it is first needed, and kept in ``build/bench``.

It takes much less processor time than the one in Python, which counts where each operation is small. Its service
serves the tests of every kind; its clients are those of :data:`MODES`.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

SOURCE = Path(__file__).with_name("native.c")
#: Where programs are kept, each named after the digest of its source.
FOLDER = Path(__file__).parent.parent / "build" / "bench"
#: What it does instead of :mod:`bench.loadgen`, with the same arguments and the same figures.
MODES = frozenset({"serve", "conn", "ping", "http", "httpclose", "udp"})

_FLAGS = ["-std=gnu11", "-O2", "-Wall", "-Wextra"]


def program() -> Path | None:
    """The compiled program; ``None``, with the reason on standard error, where there cannot be one."""
    try:
        return _compiled(_compiler())
    except OSError as error:
        why = str(error)
    except subprocess.CalledProcessError as error:
        why = f"it cannot be compiled:\n{error.stderr}"
    print(f"no load generator in C: {why}", file=sys.stderr, flush=True)
    return None


def _compiler() -> str:
    if sys.platform != "linux":
        raise OSError(f"it needs Linux, this is {sys.platform}")
    if (found := shutil.which(os.environ.get("CC", "cc"))) is None:
        raise OSError("there is no C compiler")
    return found


def _compiled(compiler: str) -> Path:
    digest = hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]
    path = FOLDER / f"native-{platform.machine()}-{digest}"
    if path.exists():
        return path
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        made = Path(folder) / "native"
        subprocess.run(
            [compiler, *_FLAGS, "-o", str(made), str(SOURCE)], check=True, capture_output=True, text=True
        )
        made.replace(path)  # at once, for others that compile it at the same time
    return path


def command(mode: str, native: Path | None) -> list[str]:
    """The beginning of the command line of a mode, in C where there is ``native`` and it has this mode."""
    if native is not None and mode in MODES:
        return [str(native), mode]
    return [sys.executable, "-m", "bench.loadgen", mode]


def described(native: Path | None) -> str:
    """Which load generator ran, for a report."""
    if native is None:
        return "in Python"
    return "in C for the service, ping, conn, http, httpclose and udp, otherwise in Python"
