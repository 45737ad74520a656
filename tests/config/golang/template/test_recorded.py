"""Templates rendered by Go, and what came out: the same must come out here, errors included.

Most recordings are mixtures of all of Go's language. What no configuration uses is refused by name instead.
"""

from __future__ import annotations

import re
from typing import Any

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.load.template import render
from tests.config.recorded import load

RECORDED = load("templates")
#: How a refusal names what it refuses, and how many of the recordings meet one.
REFUSAL = re.compile(
    r'(?:function|action) "(html|js|urlquery|block)" is not supported'
    r"|verb (%[beo]) of printf is not supported"
)
REFUSED = 50


def rendered(case: dict[str, Any]) -> str | TemplateError:
    """What a recorded template gives here."""
    try:
        return render(case["template"], RECORDED["envs"])
    except TemplateError as error:
        return error


def refused(outcome: str | TemplateError) -> str:
    """The part of Go's language for which a template was refused; empty if it was not."""
    found = REFUSAL.search(str(outcome)) if isinstance(outcome, TemplateError) else None
    return (found[1] or found[2]) if found else ""


def test_renders_as_recorded() -> None:
    refusals = 0
    for case in RECORDED["cases"]:
        outcome = rendered(case)
        if name := refused(outcome):
            refusals += 1
            assert name in case["template"]
        elif isinstance(outcome, str):
            assert outcome == case.get("output"), case["template"]
        else:
            text, _, column = str(outcome).partition(" (column ")
            assert text == case.get("error"), case["template"]
            assert "executing" in text or column == f"{outcome.column})"
    assert refusals == REFUSED


def test_the_recording_has_both_kinds() -> None:
    errors = sum("error" in case for case in RECORDED["cases"])
    assert 100 < errors < len(RECORDED["cases"]) - 100
