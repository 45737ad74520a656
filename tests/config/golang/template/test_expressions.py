"""What fields, variables and calls give, and where an error stands."""

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
