"""What frp adds to templates: lists of numbers and the environment."""

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
    ]
)
def test_calls(call: str, expected: str) -> None:
    assert render("{{ " + call + " }}", {}) == expected


@every(
    [
        ('parseNumberRange "3-1"', "error calling parseNumberRange: range number is invalid"),
        ('parseNumberRange ""', 'range number is invalid, strconv.ParseInt: parsing "": invalid syntax'),
        ('parseNumberRangePair "1" "1-2"', "first and second range numbers are not in pairs"),
    ]
)
def test_refusals(call: str, message: str) -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{ " + call + " }}", {})
    assert str(caught.value).endswith(message)


def test_ini_files_have_no_number_ranges() -> None:
    with pytest.raises(TemplateError, match='function "parseNumberRange" not defined'):
        render('{{ parseNumberRange "1" }}', {}, number_ranges=False)
    with pytest.raises(TemplateError, match=r"in type \*legacy\.Values"):
        render("{{ .Foo }}", {}, number_ranges=False)
