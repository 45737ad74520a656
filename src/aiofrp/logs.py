"""Logging in frp's line format, with the session's and proxy's names as prefixes.

``2026-11-22 02:02:17.071 [I] [client/control.py:165] [dd6a1fad99859bef] [ssh] start proxy success`` (spec: config §6).
This module knows levels and text only; where the lines go is set up by :func:`setup`.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

#: frp's lowest level, below DEBUG.
TRACE = 5
logging.addLevelName(TRACE, "TRACE")

#: ``log.level`` → logging level.
LEVELS = {
    "trace": TRACE,
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
_LETTERS = {TRACE: "T", logging.DEBUG: "D", logging.INFO: "I", logging.WARNING: "W"}
_COLOURS = {"D": "1;36", "I": "1;34", "W": "1;33", "E": "1;31"}

_ROOT = "aiofrp"


class Log(logging.LoggerAdapter[logging.Logger]):
    """A logger whose lines carry ``[prefix]`` for the session and the proxy they are about."""

    def __init__(self, logger: logging.Logger, prefix: str = "") -> None:
        super().__init__(logger, {})
        self.prefix = prefix

    def bind(self, *names: str) -> Log:
        """The same logger with ``[name]`` for each name added in front of the text."""
        return Log(self.logger, self.prefix + "".join(f"[{name}] " for name in names if name))

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return (self.prefix.replace("%", "%%") + str(msg) if self.prefix else msg), kwargs

    def trace(self, msg: str, *args: object) -> None:
        """Log at frp's trace level."""
        self.log(TRACE, msg, *args)


def get(name: str) -> Log:
    """The logger of a module; call it with ``__name__``."""
    return Log(logging.getLogger(name))


class LineFormatter(logging.Formatter):
    """One record as one line of frp's log, coloured when asked."""

    def __init__(self, colour: bool) -> None:
        super().__init__()
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        letter = _LETTERS.get(record.levelno, "E")
        clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        path = Path(record.pathname)
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        line = (
            f"{clock}.{int(record.msecs):03d} [{letter}] "
            f"[{path.parent.name}/{path.name}:{record.lineno}] {text}"
        )
        code = _COLOURS.get(letter) if self._colour else None
        return f"\x1b[{code}m{line}\x1b[0m" if code else line


def set_level(level: str) -> None:
    """Switch the level at run time; ``level`` is one of :data:`LEVELS`."""
    logging.getLogger(_ROOT).setLevel(LEVELS[level])


def setup(handler: logging.Handler | None = None, level: str = "info", *, colour: bool | None = None) -> None:
    """Send this package's log lines to ``handler`` (default: standard output).

    ``colour`` defaults to whether standard output is a terminal.
    """
    if handler is None:
        handler = logging.StreamHandler(sys.stdout)
        if colour is None:
            colour = sys.stdout.isatty()
    handler.setFormatter(LineFormatter(bool(colour)))
    root = logging.getLogger(_ROOT)
    root.handlers[:] = [handler]
    root.propagate = False
    set_level(level)
