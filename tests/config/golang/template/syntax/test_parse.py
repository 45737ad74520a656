"""Building the tree, and refusing what is not a template."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.golang.template.functions import BUILTINS
from aiofrp.config.golang.template.syntax import nodes, parse
from aiofrp.config.golang.template.syntax.parse import parse_text
from aiofrp.config.load.template import render


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


def test_else_if_chains_are_not_nesting() -> None:
    assert render("{{if false}}" + "{{else if false}}" * 1000 + "{{else}}x{{end}}", {}) == "x"


def test_the_number_of_parts_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "MAX_STATEMENTS", 100)
    assert render("{{1}}" * 100, {}) == "1" * 100
    with pytest.raises(TemplateError, match="more than 100 parts"):
        render("{{1}}" * 101, {})
