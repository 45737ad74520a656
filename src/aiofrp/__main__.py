"""``python -m aiofrp``: the command ``aiofrp``."""

from __future__ import annotations

import sys

from aiofrp.cli.aiofrp import main

if __name__ == "__main__":
    sys.exit(main())
