"""What functions give, beyond what the recordings show."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError
from aiofrp.config.load.template import render
from tests.config.batch import every


@every(
    [
        ('parseNumberRange "1000-1002,2000"', "[1000 1001 1002 2000]"),
        ('parseNumberRange " 1 - 2 , +4 "', "[1 2 4]"),
        ('parseNumberRangePair "1-2" "6000,7000"', "[{1 6000} {2 7000}]"),
        ("eq 1 2 3 1", "true"),
        ("eq `a` `b`", "false"),
        ("ne 1 2", "true"),
        ("lt 1 2", "true"),
        ("le 2 2", "true"),
        ("gt 1.5 1.25", "true"),
        ("ge `a` `b`", "false"),
        ("not 1", "false"),
        ("and 1 `` 2", ""),
        ("or 0 `` 2", "2"),
        ("2 | and 1", "2"),
        ("len `é`", "2"),
        ("len (parseNumberRange `1-9`)", "9"),
        ("index (parseNumberRange `5-7`) 2", "7"),
        ("index `é` 0", "195"),
        ("slice `abcdef` 1 3", "bc"),
        ("slice (parseNumberRange `1-5`) 1 2 3", "[2]"),
        ("print 1 2 `x` 3 4", "1 2x3 4"),
        ("println `a` 1 | printf `%q`", '"a 1\\n"'),
    ]
)
def test_calls(call: str, expected: str) -> None:
    assert render("{{ " + call + " }}", {}) == expected


@every(
    [
        ('parseNumberRange "3-1"', "error calling parseNumberRange: range number is invalid"),
        ('parseNumberRange ""', 'range number is invalid, strconv.ParseInt: parsing "": invalid syntax'),
        ('parseNumberRangePair "1" "1-2"', "first and second range numbers are not in pairs"),
        ("eq 1 `a`", "error calling eq: incompatible types for comparison: int and string"),
        ("eq 1", "error calling eq: missing argument for comparison"),
        ("lt true false", "error calling lt: invalid type for comparison"),
        ("len 3", "error calling len: len of type int"),
        ("index `abc` 3", "error calling index: reflect: string index out of range"),
        ("index `abc` -1", "error calling index: index out of range: -1"),
        ("index $.Envs 1", "error calling index: value has type int; should be string"),
        ("slice `abc` 2 1", "error calling slice: invalid slice index: 2 > 1"),
        ("slice (parseNumberRange `1-3`) 0 4", "error calling slice: index out of range: 4"),
        ("len", "wrong number of args for len: want 1 got 0"),
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
