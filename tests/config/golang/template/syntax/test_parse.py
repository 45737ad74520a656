"""Building the tree, and refusing what is not a template."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.golang.template.functions import BUILTINS
from aiofrp.config.golang.template.syntax import nodes, parse
from aiofrp.config.golang.template.syntax.parse import parse_text
from aiofrp.config.golang.template.syntax.pipelines import MAX_VARIABLES
from aiofrp.config.golang.template.syntax.tokens import MAX_NESTING
from aiofrp.config.load.template import render


def pipeline(text: str) -> nodes.Pipeline:
    (action,) = parse_text("frp", "{{" + text + "}}", BUILTINS).bodies["frp"]
    assert isinstance(action, nodes.Action)
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


def test_definitions_are_kept_by_name() -> None:
    bodies = parse_text("frp", '{{define "a"}}x{{end}}{{define "b"}}y{{end}}', BUILTINS).bodies
    assert set(bodies) == {"frp", "a", "b"}


def test_else_if_is_one_branch() -> None:
    (branch,) = parse_text("frp", "{{if 1}}a{{else if 2}}b{{else if 3}}c{{else}}d{{end}}", BUILTINS).bodies[
        "frp"
    ]
    assert isinstance(branch, nodes.Branch)
    assert [str(clause.pipeline) for clause in branch.clauses] == ["1", "2", "3"]
    assert branch.otherwise


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


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("{{ call 1 }}", 'function "call"'),
        ("{{ html `<a>` }}", 'function "html"'),
        ("{{ js `a` }}", 'function "js"'),
        ("{{ `a b` | urlquery }}", 'function "urlquery"'),
        ('{{ block "b" . }}x{{ end }}', 'action "block"'),
        ("{{ 2i }}", "complex number 2i"),
        ("{{ 1+2i }}", "complex number 1+2i"),
    ],
)
def test_what_is_outside_the_subset_is_refused_by_name(text: str, name: str) -> None:
    with pytest.raises(TemplateError, match=r"is not supported") as caught:
        render(text, {})
    assert name in str(caught.value)


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


def test_else_if_chains_are_not_nesting() -> None:
    assert render("{{if false}}" + "{{else if false}}" * 1000 + "{{else}}x{{end}}", {}) == "x"


def test_the_number_of_parts_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MAX_STATEMENTS", 100)
    assert render("{{1}}" * 100, {}) == "1" * 100
    with pytest.raises(TemplateError, match="more than 100 parts"):
        render("{{1}}" * 101, {})


def test_the_number_of_variables_is_limited() -> None:
    declarations = "".join(f"{{{{$v{i} := 1}}}}" for i in range(MAX_VARIABLES))
    with pytest.raises(TemplateError, match=f"more than {MAX_VARIABLES} variables in scope"):
        render(declarations, {})


def test_messages_stay_short() -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{ " + "x" * 1_000_000 + " }}", {})
    assert len(str(caught.value)) < 1100
