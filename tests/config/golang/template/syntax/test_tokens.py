"""Where errors stand, and how deep a template may nest."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.golang.template.syntax.tokens import MAX_NESTING
from aiofrp.config.load.template import render


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("{{ env 1 }}", 'template: frp:1: function "env" not defined', 1, 4),
        ("\n\n  {{ env }}", 'template: frp:3: function "env" not defined', 3, 6),
        ("é{{ $x }}", 'template: frp:1: undefined variable "$x"', 1, 6),
        ("{{ .A\n", "template: frp:2: unclosed action started at frp:1", 2, 1),
        ("{{ if true }}\n", "template: frp:2: unexpected EOF", 2, 1),
        ("{{ end }}", "template: frp:1: unexpected {{end}}", 1, 8),
        ("{{ }}", "template: frp:1: missing value for command", 1, 4),
        ('{{ "a\n" }}', "template: frp:1: unterminated quoted string", 1, 4),
    ],
)
def test_errors_say_line_and_column(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(TemplateError) as caught:
        render(text, {})
    assert str(caught.value) == f"{message} (column {column})"
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize("opening", ["{{if true}}", "{{range 1}}", "{{with 1}}", "{{if true}}{{else}}"])
def test_blocks_nest_up_to_the_limit(opening: str) -> None:
    assert render(opening * MAX_NESTING + "{{end}}" * MAX_NESTING, {}) == ""
    deeper = MAX_NESTING + 1
    with pytest.raises(TemplateError, match=f"nesting exceeds {MAX_NESTING} levels"):
        render(opening * deeper + "{{end}}" * deeper, {})


def test_parentheses_nest_up_to_the_limit() -> None:
    assert render("{{" + "(" * MAX_NESTING + "1" + ")" * MAX_NESTING + "}}", {}) == "1"
    with pytest.raises(TemplateError, match="max expression depth exceeded"):
        render("{{" + "(" * 100_000, {})
