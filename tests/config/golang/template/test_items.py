"""The functions that look inside a value."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.load.template import render
from tests.config.batch import every


@every(
    [
        ("len `é`", "2"),
        ("len (parseNumberRange `1-9`)", "9"),
        ("index (parseNumberRange `5-7`) 2", "7"),
        ("index `é` 0", "195"),
        ("slice `abcdef` 1 3", "bc"),
        ("slice (parseNumberRange `1-5`) 1 2 3", "[2]"),
    ]
)
def test_calls(call: str, expected: str) -> None:
    assert render("{{ " + call + " }}", {}) == expected


@every(
    [
        ("len 3", "error calling len: len of type int"),
        ("index `abc` 3", "error calling index: reflect: string index out of range"),
        ("index `abc` -1", "error calling index: index out of range: -1"),
        ("index $.Envs 1", "error calling index: value has type int; should be string"),
        ("slice `abc` 2 1", "error calling slice: invalid slice index: 2 > 1"),
        ("slice (parseNumberRange `1-3`) 0 4", "error calling slice: index out of range: 4"),
        ("len", "wrong number of args for len: want 1 got 0"),
    ]
)
def test_refusals(call: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{ " + call + " }}", {})
    assert str(caught.value).endswith(message)
