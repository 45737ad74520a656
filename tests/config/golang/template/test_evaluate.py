"""Running templates: scopes, loops, what values are, and the limits."""

from __future__ import annotations

import pytest

from aiofrp.config.golang.template import TemplateError
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
