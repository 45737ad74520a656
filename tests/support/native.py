"""The load generator in C, for tests. Where it cannot be compiled, the tests that need it are skipped, and the run
says how many."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from bench import native

#: Why a test was skipped.
ABSENT = "the load generator in C needs Linux and a C compiler"

_program = cache(native.program)


def require() -> Path:
    """The program; skips the running test where there is none."""
    return _program() or pytest.skip(ABSENT)
