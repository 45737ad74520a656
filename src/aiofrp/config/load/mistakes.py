"""What is added to an error about a file: the line itself with the place in it, the likely cause, and what to write.

Used only when there is an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from aiofrp.config.problem import InvalidConfig, Problem
from aiofrp.errors import ConfigError
from aiofrp.hints.entry import Facts, Hint

#: Characters of a line that are shown.
_MOST = 100
# Patterns, compiled when they are used: every start loads this module.
_COLUMN = r"column (\d+)"
_LINE = r"line (\d+)"
#: Keys whose values are not shown.
_SECRET = r"(?i)(token|password|secret|key|credential)\w*\W*[=:]"
_CURLY = "[“”„‘’«»]"
#: The value of a key in TOML that stands without quotes and is none.
_BARE = r"""[^=#]*=\s*[^\s"'\[{0-9+\-#tf]|[^=#]*=\s*\d+\.\d+\.\d"""
#: Files of frp beside one that is missing, in this order.
_ENDINGS = (".toml", ".yaml", ".yml", ".json", ".ini")


def explained(error: ConfigError, text: str, form: str) -> InvalidConfig:
    """The error of a parser about ``text`` with lines and hints; ``form``: what the file's name says that it is."""
    if not isinstance(error, InvalidConfig):
        error = InvalidConfig([Problem(error.text)])
    return InvalidConfig((_with_line(problem, text, form) for problem in error.problems), error.warnings)


def _with_line(problem: Problem, text: str, form: str) -> Problem:
    about = f"{problem.message} {problem.hint}"
    found = re.search(_LINE, problem.message)
    number = problem.line or (int(found[1]) if found else 0)
    found = re.search(_COLUMN, about)
    column = int(found[1]) if found else 0
    lines = text.split("\n")
    if (
        column == 1 and 1 < number == len(lines) and not lines[-1]
    ):  # found at the end: what does not end is before it
        number, column = number - 1, 0
    line = lines[number - 1].rstrip("\r") if 0 < number <= len(lines) else ""
    at_end = not any(map(str.strip, lines[number:]))
    hint = _find(problem.message, _facts(line, form, at_end=at_end))
    parts = [problem.hint] if problem.hint else []
    if hint is not None:
        parts.append(f"{hint.cause}. {hint.step}")
    excerpt = _excerpt(line, column)
    return replace(problem, hint=": ".join(parts), line=number, excerpt=excerpt)


def _facts(line: str, form: str, *, at_end: bool) -> dict[str, str]:
    return {
        "list": "open" if at_end and line.rpartition("[")[2].count("]") < line.count("[") else "",
        "format": form,
        "quotes": "curly" if re.search(_CURLY, line) else "",
        "value": "bare" if re.match(_BARE, line) else "",
    }


def _excerpt(line: str, column: int) -> str:
    """The line, and below it a mark at ``column`` (1 is the first); empty for one that may hold a secret."""
    if not line.strip() or re.search(_SECRET, line):
        return ""
    shown = line[:_MOST].replace("\t", " ")
    if not 0 < column <= len(shown) + 1:
        return shown
    return f"{shown}\n{' ' * (column - 1)}^"


def _find(text: str, facts: Facts) -> Hint | None:
    from aiofrp.hints.catalogue import find  # here, as the rows are needed only when something is wrong

    return find("configuration", text, facts)


def hinted(problems: Iterable[Problem]) -> Iterator[Problem]:
    """``problems``, those without a hint with the one that the catalogue has."""
    for problem in problems:
        hint = None if problem.hint else _find(problem.message, {})
        yield problem if hint is None else replace(problem, hint=f"{hint.cause}. {hint.step}")


@contextmanager
def hints_added() -> Iterator[None]:
    """Add a hint to an error about a file that has none."""
    try:
        yield
    except InvalidConfig as error:
        raise InvalidConfig(hinted(error.problems), error.warnings) from None
    except ConfigError as error:
        error.hint = error.hint or _find(error.text, _beside(error.text))
        raise


def _beside(text: str) -> dict[str, str]:
    """The file that may be meant, where there is none of the name."""
    found = re.fullmatch(r"open (.*): no such file or directory", text)
    if found is None:
        return {}
    stem = os.path.splitext(found[1])[0]
    for ending in _ENDINGS:
        if os.path.isfile(stem + ending):
            return {"found": "beside", "beside": stem + ending}
    return {}
