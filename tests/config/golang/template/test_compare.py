"""The functions that compare."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.load.template import render
from tests.config.batch import every


@every(
    [
        ("eq 1 2 3 1", "true"),
        ("eq `a` `b`", "false"),
        ("ne 1 2", "true"),
        ("lt 1 2", "true"),
        ("le 2 2", "true"),
        ("gt 1.5 1.25", "true"),
        ("ge `a` `b`", "false"),
    ]
)
def test_calls(call: str, expected: str) -> None:
    assert render("{{ " + call + " }}", {}) == expected


@every(
    [
        ("eq 1 `a`", "error calling eq: incompatible types for comparison: int and string"),
        ("eq 1", "error calling eq: missing argument for comparison"),
        ("lt true false", "error calling lt: invalid type for comparison"),
    ]
)
def test_refusals(call: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{ " + call + " }}", {})
    assert str(caught.value).endswith(message)
