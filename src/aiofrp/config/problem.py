"""What is wrong with a configuration: every problem at once, each with its place and what to write instead.

The text of the error begins with the reference's own sentences, one a line and unchanged, so that programs
that search for them still find them; what we add follows, indented.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from aiofrp.errors import ConfigError

#: Problems shown of one configuration; more of them would hide the first.
MAX_SHOWN = 100

Path = tuple[str | int, ...]
"""Keys and list indices from the top of a document."""


class Problem(Struct, frozen=True):
    """One thing that is wrong in a configuration: its text, path and hint."""

    message: str  #: in the reference's words where it has some
    path: Path = ()
    hint: str = ""  #: what to write instead
    file: str = ""
    line: int = 0  #: 1 is the first; 0 unknown
    excerpt: str = ""  #: the line, and a mark below the place in it

    def at(self, file: str, line: int = 0) -> Problem:
        """The same problem with its place, unless it has one or is about no place."""
        if self.file or not (self.path or self.line or self.hint):
            return self
        return replace(self, file=file, line=self.line or line)

    @property
    def explanation(self) -> str:
        """Place and hint in one line; empty if there is nothing to add to the message."""
        place = f"{self.file}:{self.line}" if self.file and self.line else self.file
        path = dotted(self.path)
        if not self.hint and not self.line and (not path or path in self.message):
            return ""
        text = ": ".join(part for part in (place, path, self.hint) if part)
        return "\n    ".join((text, *self.excerpt.splitlines()))


class InvalidConfig(ConfigError):
    """A configuration cannot be used; ``problems`` lists everything that is wrong with it.

    ``warnings`` are texts to show besides.
    """

    def __init__(self, problems: Iterable[Problem], warnings: Iterable[str] = ()) -> None:
        self.problems = tuple(problems)
        self.warnings = tuple(warnings)
        path = dotted(self.problems[0].path) if self.problems else ""
        super().__init__(_text(self.problems), path)


def _text(problems: tuple[Problem, ...]) -> str:
    shown = problems[:MAX_SHOWN]
    lines = [problem.message for problem in shown]
    if len(problems) > MAX_SHOWN:
        lines.append(f"… and {len(problems) - MAX_SHOWN} more problems")
    lines += [f"  {problem.explanation}" for problem in shown if problem.explanation]
    return "\n".join(lines)


def dotted(path: Path) -> str:
    """A path as users write it: ``("proxies", 1, "localPort")`` is ``proxies[1].localPort``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text
