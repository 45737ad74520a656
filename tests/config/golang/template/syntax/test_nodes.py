"""Nodes print as they are written."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template.functions import BUILTINS
from aiofrp.config.golang.template.syntax import nodes
from aiofrp.config.golang.template.syntax.parse import parse_text


def pipeline(text: str) -> nodes.Pipeline:
    (action,) = parse_text("frp", "{{" + text + "}}", BUILTINS).bodies["frp"]
    assert isinstance(action, nodes.ActionNode)
    return action.pipeline


@pytest.mark.parametrize(
    "text",
    [
        ".",
        "$",
        "nil | print",
        ".Envs.A.B",
        "$.Envs.A",
        "print 1 2.5 true `raw` | len",
        '$x := (index .Envs "A-B").C',
    ],
)
def test_a_pipeline_prints_as_it_is_written(text: str) -> None:
    assert str(pipeline(text)) == text


def test_superfluous_space_is_not_kept() -> None:
    assert str(pipeline("  $x  :=  print   ( 1 )|len ")) == "$x := print (1) | len"
