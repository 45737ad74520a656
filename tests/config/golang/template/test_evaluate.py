"""Running templates: scopes, loops, what values are, and the limits."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError, machine
from aiofrp.config.golang.template.syntax.tokens import MAX_NESTING
from aiofrp.config.load.template import render
from tests.config.batch import every

ENVS = {"A": "a", "NUM": "12", "E": ""}


def shown(text: str, **envs: str) -> str:
    return render(text, {**ENVS, **envs})


def error(text: str) -> str:
    with pytest.raises(TemplateError) as caught:
        render(text, ENVS)
    return str(caught.value)


@every(
    [
        ("{{ .Envs.A }}", "a"),
        ("{{ .Envs.UNSET }}", "<no value>"),
        ("{{ $x := .Envs.UNSET }}{{ $x }}", "<no value>"),
        ("{{ and .Envs.UNSET 1 }}", "<no value>"),
        ('{{ or .Envs.UNSET "d" }}', "d"),
        ('{{ eq .Envs.UNSET "" }}', "false"),
        ('{{ printf "%s" .Envs.UNSET }}', "%!s(<nil>)"),
        ('{{ index .Envs "UNSET" }}', ""),
        ("{{ if .Envs.UNSET }}x{{ else }}y{{ end }}", "y"),
        ("{{ range .Envs.UNSET }}x{{ else }}y{{ end }}", "y"),
        ("{{ .Envs.UNSET.MORE }}", "<no value>"),
    ]
)
def test_an_unset_variable(text: str, expected: str) -> None:
    assert shown(text) == expected


@every(["false", "0", "0.0", '""', ".Envs.E", "(slice `` 0)"])
def test_falsy(value: str) -> None:
    assert shown(f"{{{{ if {value} }}}}yes{{{{ else }}}}no{{{{ end }}}}") == "no"


@every(["true", "1", "0.5", '"0"', ".", ".Envs", "parseNumberRange `0`"])
def test_truthy(value: str) -> None:
    assert shown(f"{{{{ if {value} }}}}yes{{{{ else }}}}no{{{{ end }}}}") == "yes"


@every(
    [
        ("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21"),
        ("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2"),
        ("{{ if $x := 5 }}{{ $x }}{{ end }}", "5"),
        ("{{ if $x := 0 }}{{ else if true }}{{ $x }}{{ end }}", "0"),
        ("{{ with $x := 3 }}{{ . }}{{ $x }}{{ $.Envs.A }}{{ end }}", "33a"),
        ("{{ $s := `` }}{{ range 3 }}{{ $s = print $s . }}{{ end }}{{ $s }}", "012"),
        ('{{ define "t" }}{{ $ }}{{ end }}{{ $x := 1 }}{{ template "t" 7 }}', "7"),
        ('{{ define "t" }}<{{ . }}>{{ end }}{{ template "t" .Envs.NUM }}', "<12>"),
    ]
)
def test_scopes(text: str, expected: str) -> None:
    assert shown(text) == expected


@every(
    [
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ("{{ range -1 }}x{{ else }}none{{ end }}", "none"),
        ('{{ range $i, $n := parseNumberRange "5-6" }}{{ $i }}:{{ $n }} {{ end }}', "0:5 1:6 "),
        ('{{ range parseNumberRangePair "1-2" "8-9" }}{{ .First }}-{{ .Second }} {{ end }}', "1-8 2-9 "),
        ("{{ range $k, $v := .Envs }}{{ $k }}={{ $v }};{{ end }}", "A=a;E=;NUM=12;"),
        ("{{ range 9 }}{{ if eq . 2 }}{{ continue }}{{ end }}{{ . }}{{ end }}", "01345678"),
        ("{{ range 9 }}{{ if eq . 2 }}{{ break }}{{ end }}{{ . }}{{ end }}", "01"),
        ("{{ range 2 }}{{ range 9 }}{{ break }}{{ end }}{{ . }}{{ end }}", "01"),
    ]
)
def test_loops(text: str, expected: str) -> None:
    assert shown(text) == expected


@every(
    [
        ('{{ parseNumberRange "1-2" }}', "[1 2]"),
        ('{{ index (parseNumberRangePair "1" "2") 0 }}', "{1 2}"),
        ("{{ .Envs }}", "map[A:a E: NUM:12]"),
        ("{{ . }}", "{map[A:a E: NUM:12]}"),
        ("{{ 0x10 }} {{ 010 }} {{ 1.50 }} {{ 'a' }} {{ true }}", "16 8 1.5 97 true"),
        ('{{ "\\u00e9\\xc3\\xa9" }}', "éé"),
        ('{{ "\\xc3" }}{{ "\\xa9" }}', "é"),
    ]
)
def test_how_values_print(text: str, expected: str) -> None:
    assert shown(text) == expected


FOO = "can't evaluate field Foo in type"


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("{{ .Foo }}", 'frp:1:3: executing "frp" at <.Foo>', f"{FOO} *config.Values"),
        ("a\né {{ .Foo }}", 'frp:2:6: executing "frp" at <.Foo>', f"{FOO} *config.Values"),
        ("{{ .Envs.A.Foo }}", 'frp:1:8: executing "frp" at <.Envs.A.Foo>', f"{FOO} string"),
        (
            '{{ define "d" }}{{ .Foo }}{{ end }}{{ template "d" 1 }}',
            'frp:1:19: executing "d" at <.Foo>',
            f"{FOO} int",
        ),
        (
            "{{ parseNumberRange }}",
            'frp:1:3: executing "frp" at <parseNumberRange>',
            "wrong number of args for parseNumberRange: want 1 got 0",
        ),
    ],
)
def test_errors_say_where(text: str, where: str, what: str) -> None:
    assert error(text) == f"template: {where}: {what}"


def test_an_error_never_shows_the_whole_environment() -> None:
    with pytest.raises(TemplateError) as caught:
        render("{{ range . }}{{ end }}", {f"V{i}": "secret" for i in range(1000)})
    assert len(str(caught.value)) < 400


def test_ini_files_have_no_number_ranges() -> None:
    with pytest.raises(TemplateError, match='function "parseNumberRange" not defined'):
        render('{{ parseNumberRange "1" }}', {}, number_ranges=False)
    with pytest.raises(TemplateError, match=r"in type \*legacy\.Values"):
        render("{{ .Foo }}", {}, number_ranges=False)


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
    assert "exceeded maximum template depth" in error(text)


def test_every_port_fits_the_limits() -> None:
    text = '{{ range parseNumberRangePair "1-65535" "1-65535" }}{{ .First }}={{ .Second }}\n{{ end }}'
    assert render(text, {}).count("\n") == 65535
