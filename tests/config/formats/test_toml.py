"""TOML: what is wrong and where, and values Go has no type for."""

from __future__ import annotations

import pytest

from aiofrp.config.formats.toml import parse_toml
from aiofrp.errors import ConfigError
from tests.config.batch import every


def _error(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_toml(text)
    return str(caught.value).splitlines()[0]


@every(
    [
        ("a = ", "toml: line 1, column 5: toml: invalid value"),
        ("a = 1\n[b\n", "toml: line 2, column 3: toml: expected ']' at the end of a table declaration"),
        ("a = 1\na = 2", "toml: key a is already defined"),
        ("[a]\n[b]\n[a]", "toml: key a is already defined"),
        ("{}", "toml: line 1, column 1: toml: invalid character at start of key: {"),
        ("a = 1 b", "toml: line 1, column 7: toml: expected newline or end of document after a statement"),
        ('a = "x\udcff"', "toml: line 1, column 7: toml: invalid UTF-8"),
        ("b = 1\na = 9999999999999999999", "toml: line 2, column 5: toml: couldn't parse number: parsing"),
        ("a = inf", "json: unsupported value: +Inf"),
        ("a = -inf", "json: unsupported value: -Inf"),
        ("a = nan", "json: unsupported value: NaN"),
        ("a = " + "[" * 100000, "the values are nested too deeply"),
        ("\ufeffa = 1", "toml: line 1, column 1: toml: invalid character at start of key: \ufeff"),
    ]
)
def test_toml_errors(text: str, message: str) -> None:
    assert _error(text).startswith(message)


@every(
    [
        ("2024-02-29", "2024-02-29"),
        ("07:32:00", "07:32:00"),
        ("07:32:00.500", "07:32:00.5"),
        ("1979-05-27T07:32:00", "1979-05-27T07:32:00"),
        ("1979-05-27 07:32:00Z", "1979-05-27T07:32:00Z"),
        ("1979-05-27T00:32:00.999-07:00", "1979-05-27T00:32:00.999-07:00"),
    ]
)
def test_times_become_text(value: str, text: str) -> None:
    assert parse_toml(f"a = {value}") == {"a": text}
