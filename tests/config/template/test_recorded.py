"""Templates rendered by Go, and what came out: the same must come out here, errors included."""

from __future__ import annotations

from typing import Any

import pytest

from aiofrp.config.template import TemplateError, render
from tests.config.recorded import load

RECORDED = load("templates")


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: case["template"][:40])
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


def test_the_recording_has_both_kinds() -> None:
    errors = sum("error" in case for case in RECORDED["cases"])
    assert 100 < errors < len(RECORDED["cases"]) - 100
