"""Write the table of flags from the models; ``--check`` only says whether it is up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from aiofrp.config.flags.declared import table_text
from scripts._made import write_or_check

TABLE = Path(__file__).parent.parent / "src" / "aiofrp" / "config" / "flags" / "table.py"


def formatted() -> str:
    """The text the table should have."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TABLE), "-"]
    return subprocess.run(command, input=table_text(), capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    sys.exit(write_or_check(TABLE, formatted(), "flagtable"))
