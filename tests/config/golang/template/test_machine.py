"""The limits of a rendering: steps, output, depth."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError, machine
from aiofrp.config.golang.template.syntax.tokens import MAX_NESTING
from aiofrp.config.load.template import render


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ range 999999999999 }}{{ end }}", "more than 20000 steps"),
        ("{{ range 999999999 }}0123456789abcdef{{ end }}", "output of more than 100000 characters"),
        ("{{ $x := `0123456789` }}{{ range 99 }}{{ $x = print $x $x }}{{ end }}", "steps|text of more than"),
        ('{{ range 9999 }}{{ $x := printf "%1000000d" . }}{{ end }}', "steps"),
        ('{{ range 9999 }}{{ $x := parseNumberRange "1-200000" }}{{ end }}', "steps"),
        ('{{ parseNumberRange "1-99999999999" }}', "range holds more than 262144 numbers"),
        ('{{ define "a" }}{{ template "a" }}{{ end }}{{ template "a" }}', "exceeded maximum template depth"),
    ],
)
def test_bombs_are_defused(text: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "MAX_STEPS", 20_000)
    monkeypatch.setattr(machine, "MAX_OUTPUT", 100_000)
    with pytest.raises(TemplateError, match=message):
        render(text, {})


@pytest.mark.parametrize("call", ["print (", "or 0 (", "and 1 (", "printf `%v` ("])
def test_the_deepest_calls_fit_the_stack(call: str) -> None:
    text = call * MAX_NESTING + "1" + ")" * MAX_NESTING
    assert render("{{ " + text + " }}", {}) == "1"


def test_the_deepest_templates_fit_the_stack() -> None:
    text = '{{ define "a" }}{{ with print (print (print 1)) }}{{ template "a" . }}{{ end }}{{ end }}{{ template "a" }}'
    with pytest.raises(TemplateError, match="exceeded maximum template depth"):
        render(text, {})


def test_every_port_fits_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shown by the last tenth of the ports and a tenth of the limits: each port costs the same steps."""
    monkeypatch.setattr(machine, "MAX_STEPS", machine.MAX_STEPS // 10)
    monkeypatch.setattr(machine, "MAX_OUTPUT", machine.MAX_OUTPUT // 10)
    text = '{{ range parseNumberRangePair "58982-65535" "58982-65535" }}{{ .First }}={{ .Second }}\n{{ end }}'
    assert render(text, {}).count("\n") == 6554
