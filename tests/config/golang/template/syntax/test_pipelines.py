"""Pipelines: what is refused, and how many variables there may be."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.golang.template.syntax.pipelines import MAX_VARIABLES
from aiofrp.config.load.template import render


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


def test_the_number_of_variables_is_limited() -> None:
    declarations = "".join(f"{{{{$v{i} := 1}}}}" for i in range(MAX_VARIABLES))
    with pytest.raises(TemplateError, match=f"more than {MAX_VARIABLES} variables in scope"):
        render(declarations, {})
