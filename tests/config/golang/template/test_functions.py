"""What functions give, beyond what the recordings show."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.load.template import render
from tests.config.batch import every


@every(
    [
        ("not 1", "false"),
        ("and 1 `` 2", ""),
        ("or 0 `` 2", "2"),
        ("2 | and 1", "2"),
        ("print 1 2 `x` 3 4", "1 2x3 4"),
        ("println `a` 1 | printf `%q`", '"a 1\\n"'),
    ]
)
def test_calls(call: str, expected: str) -> None:
    assert render("{{ " + call + " }}", {}) == expected


@every(
    [
        ("printf 1", "expected string; found 1"),
        ("printf .", "wrong type for value; expected string; got *config.Values"),
        ("printf nil", "cannot assign nil to string"),
        ("$.Envs.A | parseNumberRange", "invalid value; expected string"),
    ]
)
def test_refusals(call: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{ " + call + " }}", {})
    assert str(caught.value).endswith(message)
