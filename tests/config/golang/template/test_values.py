"""What is true, and how values print."""

from __future__ import annotations

from aiofrp.config.load.template import render
from tests.config.batch import every

ENVS = {"A": "a", "NUM": "12", "E": ""}


def shown(text: str, **envs: str) -> str:
    return render(text, {**ENVS, **envs})


@every(["false", "0", "0.0", '""', ".Envs.E", "(slice `` 0)"])
def test_falsy(value: str) -> None:
    assert shown(f"{{{{ if {value} }}}}yes{{{{ else }}}}no{{{{ end }}}}") == "no"


@every(["true", "1", "0.5", '"0"', ".", ".Envs", "parseNumberRange `0`"])
def test_truthy(value: str) -> None:
    assert shown(f"{{{{ if {value} }}}}yes{{{{ else }}}}no{{{{ end }}}}") == "yes"


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
