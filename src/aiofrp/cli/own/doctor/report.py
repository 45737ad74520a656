"""What the checks found: one finding each, as a line of text or as JSON."""

from __future__ import annotations

import asyncio
import enum
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from aiofrp.errors import FrpError
from aiofrp.hints.catalogue import Place, find
from aiofrp.hints.entry import Facts, Hint

Explain: TypeAlias = Callable[[FrpError], Awaitable[Hint | None]]
"""Finds the hint about the error of a check."""

#: Characters of the names of checks, so that the texts begin in one column.
_WIDTH = 22
_COLOURS = {"ok": "32", "note": "2", "warning": "33", "problem": "31", "skipped": "2"}
_MARKS = {"ok": "✓", "note": "·", "warning": "▲", "problem": "✗", "skipped": "-"}
_PLAIN_MARKS = {"ok": "ok", "note": "..", "warning": "!!", "problem": "XX", "skipped": "--"}


class Outcome(enum.Enum):
    """What a finding means."""

    OK = "ok"
    NOTE = "note"  #: worth knowing, nothing to do
    WARNING = "warning"  #: works, and something should be changed
    PROBLEM = "problem"  #: does not work
    SKIPPED = "skipped"  #: could not be checked


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check."""

    outcome: Outcome
    text: str  #: what was found, one line
    fix: str = ""  #: what to do about it
    name: str = ""  #: of the check
    seconds: float = 0.0  #: that the check took


def ok(text: str) -> Finding:
    """Nothing to do."""
    return Finding(Outcome.OK, text)


def note(text: str) -> Finding:
    """Worth knowing, with nothing to do about it."""
    return Finding(Outcome.NOTE, text)


def warning(text: str, fix: str = "") -> Finding:
    """It works, and something should be changed."""
    return Finding(Outcome.WARNING, text, fix)


def problem(text: str, fix: str = "") -> Finding:
    """It does not work."""
    return Finding(Outcome.PROBLEM, text, fix)


def skipped(text: str) -> Finding:
    """It could not be checked."""
    return Finding(Outcome.SKIPPED, text)


def fix_of(hint: Hint | None, otherwise: str = "") -> str:
    """The fix of a problem that the catalogue knows: its cause and the next step."""
    return otherwise if hint is None else f"{hint.cause}. {hint.step}"


def known(place: Place, facts: Callable[[], Facts] = dict[str, str]) -> Explain:
    """Finds what the catalogue says about an error at ``place``; ``facts`` are gathered then, in a thread."""

    async def explain(error: FrpError) -> Hint | None:
        return find(place, error.text, await asyncio.to_thread(facts))

    return explain


class Report:
    """Gathers findings; ``show`` gets each as it comes."""

    def __init__(self, show: Callable[[Finding], None]) -> None:
        self._show = show
        self.findings: list[Finding] = []

    def add(self, name: str, finding: Finding) -> Finding:
        """Take a finding of the check ``name``."""
        made = replace(finding, name=name)
        self.findings.append(made)
        self._show(made)
        return made

    async def check(
        self, name: str, work: Awaitable[Finding], fix: str = "", explain: Explain | None = None
    ) -> Finding:
        """Do a check and take its finding. An error of the network or of a file is a problem, with its hint, or else
        with ``fix``."""
        return self.add(name, await settled(work, fix, explain))

    @property
    def failed(self) -> bool:
        """Whether there is a problem."""
        return any(finding.outcome is Outcome.PROBLEM for finding in self.findings)


async def settled(work: Awaitable[Finding], fix: str = "", explain: Explain | None = None) -> Finding:
    """The finding of ``work`` and its time; its error is a problem with the hint that it has or ``explain`` finds, or
    else with ``fix``."""
    began = time.monotonic()
    finding = await _settled(work, fix, explain)
    return replace(finding, seconds=time.monotonic() - began)


async def _settled(work: Awaitable[Finding], fix: str, explain: Explain | None) -> Finding:
    try:
        return await work
    except TimeoutError:
        return problem("no answer in time", fix)
    except FrpError as error:
        hint = error.hint if error.hint is not None or explain is None else await explain(error)
        return problem(error.text, fix_of(hint, fix))
    except (OSError, ValueError) as error:
        return problem(getattr(error, "strerror", None) or str(error), fix)


def line(finding: Finding, *, colour: bool, marks: bool) -> str:
    """A finding as one line: mark, name, time, text and fix."""
    kind = finding.outcome.value
    mark = (_MARKS if marks else _PLAIN_MARKS)[kind]
    if colour:
        mark = f"\x1b[{_COLOURS[kind]}m{mark}\x1b[0m"
    fix = f" → {finding.fix}" if finding.fix and marks else f" -> {finding.fix}" if finding.fix else ""
    text = shown(f"{finding.text}{fix}")
    return f"{mark} {shown(finding.name):{_WIDTH}} {time_text(finding.seconds):>7}  {text}"


def shown(text: str) -> str:
    """``text`` in one line, without characters that steer a terminal."""
    text = "; ".join(part.strip() for part in text.splitlines() if part.strip())
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)


def time_text(seconds: float) -> str:
    """A time with its unit: ``12 ms``, ``3.1 s``."""
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def as_json(finding: Finding) -> dict[str, Any]:
    """A finding as plain values; ``ms`` is the time in milliseconds."""
    return {
        "name": finding.name,
        "outcome": finding.outcome.value,
        "text": finding.text,
        "fix": finding.fix,
        "ms": round(finding.seconds * 1000, 1),
    }
