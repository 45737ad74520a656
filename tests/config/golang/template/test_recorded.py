"""Templates rendered by Go, and what came out: the same must come out here, errors included.

Most recordings are mixtures of all of Go's language. What no configuration uses is refused by name instead.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.load.template import render
from tests.config.batch import every
from tests.config.recorded import load

RECORDED = load("templates")
#: How a refusal names what it refuses, and how many of the recordings meet one.
REFUSAL = re.compile(
    r'(?:function|action) "(html|js|urlquery|block)" is not supported'
    r"|verb (%[beo]) of printf is not supported"
)
REFUSED = 50


def refused(case: dict[str, Any]) -> str:
    """The part of Go's language for which a recorded template is refused; empty if it is not."""
    try:
        render(case["template"], RECORDED["envs"])
    except TemplateError as error:
        found = REFUSAL.search(str(error))
        return (found[1] or found[2]) if found else ""
    return ""


REPRODUCED = [case for case in RECORDED["cases"] if not refused(case)]


@every(REPRODUCED, lambda case: case["template"][:40])
def test_renders_as_recorded(case: dict[str, Any]) -> None:
    if "error" not in case:
        assert render(case["template"], RECORDED["envs"]) == case["output"]
        return
    with pytest.raises(TemplateError) as caught:
        render(case["template"], RECORDED["envs"])
    text, _, column = str(caught.value).partition(" (column ")
    assert text == case["error"]
    if "executing" not in text:
        assert column == f"{caught.value.column})"


def test_only_what_no_configuration_uses_is_refused() -> None:
    refusals = [(case["template"], name) for case in RECORDED["cases"] if (name := refused(case))]
    assert len(refusals) == REFUSED
    for template, name in refusals:
        assert name in template


def test_the_recording_has_both_kinds() -> None:
    errors = sum("error" in case for case in RECORDED["cases"])
    assert 100 < errors < len(RECORDED["cases"]) - 100
