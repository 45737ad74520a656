"""The reference programs as peers: Go's ``frps`` and ``frpc``, where the machine has them.

``FRP_GO_BIN`` names the folder that holds both. Without it the tests that need them are skipped, and the run
says so at its end.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

#: Why a test with a Go peer did not run.
ABSENT = "FRP_GO_BIN does not name a folder with Go's frps and frpc"


@dataclass(frozen=True, slots=True)
class GoPeers:
    """Paths of the two programs."""

    frps: Path
    frpc: Path

    def command(self, name: str) -> list[str]:
        """The command line that starts ``frps`` or ``frpc``, without arguments."""
        return [str({"frps": self.frps, "frpc": self.frpc}[name])]


def find() -> GoPeers | None:
    """The programs of ``FRP_GO_BIN``, or ``None``."""
    folder = os.environ.get("FRP_GO_BIN")
    if not folder:
        return None
    found = GoPeers(Path(folder) / "frps", Path(folder) / "frpc")
    return found if os.access(found.frps, os.X_OK) and os.access(found.frpc, os.X_OK) else None


def require() -> GoPeers:
    """The programs; skips the running test where they are absent."""
    return find() or pytest.skip(ABSENT)


#: Marks a test, class or module that cannot run without the Go programs.
needs_go = pytest.mark.skipif(find() is None, reason=ABSENT)
