"""Write the table of flags from the models; ``--check`` only says whether it is up to date."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from aiofrp.config.flags.declared import table_text

TABLE = Path(__file__).parent.parent / "src" / "aiofrp" / "config" / "flags" / "table.py"


def formatted() -> str:
    """The text the table should have."""
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", str(TABLE), "-"]
    return subprocess.run(command, input=table_text(), capture_output=True, text=True, check=True).stdout


def main() -> int:
    text = formatted()
    if "--check" in sys.argv[1:]:
        if TABLE.read_text(encoding="utf-8") == text:
            return 0
        print("the table of flags is not what the models declare: run scripts/flagtable", file=sys.stderr)
        return 1
    TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
