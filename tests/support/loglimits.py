"""The limits of the package's log lines, made new for each test.

They belong to the process (:data:`aiofrp.logs.ANYONE`), and so would the lines that a flood of one test used up be
missing in the log of the next test.
"""

from __future__ import annotations

import sys

from aiofrp import logs

_loggers: list[logs.Log] = []
_modules = 0


def refill() -> None:
    """Let every logger of a module write as many lines as at the start of a program."""
    for logger in _of_modules():
        for limited in (logger, logger._seldom):
            if limited is not None and limited._limits is not None:
                limited._limits._kinds.clear()


def _of_modules() -> list[logs.Log]:
    """The loggers of all modules of the package that are loaded."""
    global _modules
    if _modules != len(sys.modules):
        _modules = len(sys.modules)
        loaded = [module for name, module in sys.modules.items() if name.partition(".")[0] == "aiofrp"]
        values = [value for module in loaded for value in vars(module).values()]
        _loggers[:] = [value for value in values if isinstance(value, logs.Log)]
    return _loggers
