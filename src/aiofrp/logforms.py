"""The forms of log lines: frp's own, one for people at a terminal, and JSON for programs that collect logs."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

#: frp's lowest level, below DEBUG.
TRACE = 5
_LETTERS = {TRACE: "T", logging.DEBUG: "D", logging.INFO: "I", logging.WARNING: "W"}
_COLOURS = {"D": "1;36", "I": "1;34", "W": "1;33", "E": "1;31"}
#: The letter of a level → its name in JSON, which is that of ``log.level``.
_NAMES = {"T": "trace", "D": "debug", "I": "info", "W": "warn", "E": "error"}
#: The letter of a level → its mark for people, and the mark where the terminal has ASCII alone.
_MARKS = {"T": "·", "D": "·", "I": "•", "W": "▲", "E": "✗"}
_PLAIN_MARKS = {"T": ".", "D": ".", "I": "-", "W": "!", "E": "x"}
#: The names of session and proxy in front of a text.
_PREFIX = re.compile(r"(?:\[[^\]]*\] )+")

#: Control characters as they are shown: names that peers choose forge no lines and steer no terminal.
_SHOWN = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {9: "\t", 10: "\n  "}


class LineForm(logging.Formatter):
    """How a line of the log is written; the base class writes none."""

    def __init__(self, *, colour: bool = False, marks: bool = True) -> None:
        """``colour``: the line may have the escape sequences of a terminal; ``marks``: it may have characters beyond
        ASCII."""
        super().__init__()
        self._colour = colour
        self._marks = _MARKS if marks else _PLAIN_MARKS
        self._second = -1  # of the last line
        self._clock = ""  # the text of that second
        self._places: dict[str, str] = {}  # the files of the package, each as lines name it

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return self.line(record.created, record.levelno, record.pathname, record.lineno, text)

    def line(self, when: float, level: int, path: str, number: int, text: str) -> str:
        """The line about ``text``, logged at ``when`` (seconds since the epoch) in line ``number`` of a file."""
        raise NotImplementedError

    def _place(self, path: str) -> str:
        place = self._places.get(path)
        if place is None:
            file = Path(path)
            place = self._places[path] = f"{file.parent.name}/{file.name}"
        return place


class FrpForm(LineForm):
    """Lines in the form of frp's log, coloured when asked."""

    def line(self, when: float, level: int, path: str, number: int, text: str) -> str:
        """A line as tools for frp expect it: ``2026-11-22 02:02:17.071 [I] [client/control.py:165] text``."""
        second = int(when)
        if second != self._second:
            self._clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._second = second
        place = self._places.get(path) or self._place(path)
        if not text.isprintable():
            text = text.translate(_SHOWN)
        letter = _LETTERS.get(level, "E")
        line = f"{self._clock}.{int((when - second) * 1000):03d} [{letter}] [{place}:{number}] {text}"
        code = _COLOURS.get(letter) if self._colour else None
        return f"\x1b[{code}m{line}\x1b[0m" if code else line


class HumanForm(LineForm):
    """Lines for people: the time of day, a mark for the level, the text; no places in the source."""

    def line(self, when: float, level: int, path: str, number: int, text: str) -> str:
        """A line such as ``02:02:17 • [ssh] start proxy success``."""
        second = int(when)
        if second != self._second:
            self._clock = time.strftime("%H:%M:%S", time.localtime(second))
            self._second = second
        if not text.isprintable():
            text = text.translate(_SHOWN)
        letter = _LETTERS.get(level, "E")
        mark = self._marks[letter]
        if not self._colour:
            return f"{self._clock} {mark} {text}"
        code = _COLOURS.get(letter, "2")
        return f"\x1b[2m{self._clock}\x1b[0m \x1b[{code}m{mark}\x1b[0m {_coloured(letter, code, text)}"


def _coloured(letter: str, code: str, text: str) -> str:
    """A text as a terminal shows it: the names in front of it faint, the rest in the colour of a warning or error."""
    found = _PREFIX.match(text)
    names, rest = (found.group(), text[found.end() :]) if found else ("", text)
    if letter in "WE":
        rest = f"\x1b[{code.removeprefix('1;')}m{rest}\x1b[0m"
    return f"\x1b[2m{names}\x1b[0m{rest}" if names else rest


class JsonForm(LineForm):
    """Lines for programs: one JSON object each, times in UTC."""

    def line(self, when: float, level: int, path: str, number: int, text: str) -> str:
        """A line with the keys ``time``, ``level``, ``source``, ``names`` (of session and proxy) and ``text``."""
        import json  # here, as few logs have this form and it takes long to load

        second = int(when)
        if second != self._second:
            self._clock = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
            self._second = second
        found = _PREFIX.match(text)
        names = found.group()[1:-2].split("] [") if found else []
        return json.dumps(
            {
                "time": f"{self._clock}.{int((when - second) * 1000):03d}Z",
                "level": _NAMES[_LETTERS.get(level, "E")],
                "source": f"{self._place(path)}:{number}",
                "names": names,
                "text": text[found.end() :] if found else text,
            },
        )


FORMS: Final[dict[str, Callable[..., LineForm]]] = {"frp": FrpForm, "human": HumanForm, "json": JsonForm}
"""Every form, by its name on the command line."""
