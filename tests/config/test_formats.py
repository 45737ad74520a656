from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.formats import parse, parse_json, parse_toml
from aiofrp.config.types import JsonFloat
from aiofrp.errors import ConfigError


def _error(text: str, extension: str = "", *, strict: bool = True) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, extension, strict=strict)
    return str(caught.value).splitlines()[0]


# Which format


@pytest.mark.parametrize(
    ("text", "extension", "format", "tree"),
    [
        ("a = 1", ".yaml", "toml", {"a": 1}),
        ("a: 1", "", "yaml", {"a": 1}),
        (' {"a": 1}', ".toml.bak", "json", {"a": 1}),
        ("", ".json", "toml", {}),
        ("\n \n", ".yml", "toml", {}),
        ("a = 1\r\nb = 2\r\n", ".TOML", "toml", {"a": 1, "b": 2}),
    ],
)
def test_content_decides(text: str, extension: str, format: str, tree: Any) -> None:
    document = parse(text, extension)
    assert (document.format, document.tree) == (format, tree)


def test_only_the_name_makes_toml_final() -> None:
    assert _error("a: 1", ".toml") == "toml: line 1, column 2: toml: expected character ="
    assert parse("a: 1", ".conf").note == "as TOML: line 1, column 2: toml: expected character ="


# TOML


@pytest.mark.parametrize(
    ("text", "message"),
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
    ],
)
def test_toml_errors(text: str, message: str) -> None:
    assert _error(text, ".toml").startswith(message)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("2024-02-29", "2024-02-29"),
        ("07:32:00", "07:32:00"),
        ("07:32:00.500", "07:32:00.5"),
        ("1979-05-27T07:32:00", "1979-05-27T07:32:00"),
        ("1979-05-27 07:32:00Z", "1979-05-27T07:32:00Z"),
        ("1979-05-27T00:32:00.999-07:00", "1979-05-27T00:32:00.999-07:00"),
    ],
)
def test_times_become_text(value: str, text: str) -> None:
    assert parse_toml(f"a = {value}") == {"a": text}


# JSON


def test_repeated_keys() -> None:
    tree = parse_json('{"a": {"x": 1, "y": 1}, "b": 1, "a": {"y": 2}, "b": 2, "b": null}')
    assert tree == {"a": {"x": 1, "y": 2}, "b": 2}
    assert list(parse_json('{"a": 1, "A": 2, "a": 3}')) == ["A", "a"]


def test_what_follows_the_value() -> None:
    assert parse_json('{"a": 1} x') == {"a": 1}
    assert _error('{"a": 1} x', strict=False) == "invalid character 'x' after top-level value"


def test_numbers_remember_how_they_were_written() -> None:
    number = parse_json('{"a": 7.0}')["a"]
    assert (number, type(number), number.text) == (7.0, JsonFloat, "7.0")


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert parse_json('{"a": "x\udcff"}') == {"a": "x\ufffd"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,}', "invalid character '}' looking for beginning of object key string"),
        ("{a: 1}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a": 1 // no\n}', "invalid character '/' after object key:value pair"),
        ('{"a": [1 2]}', "invalid character '2' after array element"),
        ('{"a": [1,]}', "invalid character ']' looking for beginning of value"),
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a": x}', "invalid character 'x' looking for beginning of value"),
        ('{"a": NaN}', "invalid character 'N' looking for beginning of value"),
        ('{"a": 1', "unexpected end of JSON input"),
        ('{"a": ' + "[" * 100000, "the values are nested too deeply"),
    ],
)
def test_json_errors(text: str, message: str) -> None:
    assert _error(text, ".json").startswith(message)


# Anything


def _parsed_or_refused(text: str, extension: str = "", *, strict: bool = True) -> None:
    try:
        parse(text, extension, strict=strict)
    except ConfigError as error:
        if not str(error):
            raise AssertionError("refused without a reason") from error


@given(st.text(max_size=60), st.booleans())
def test_any_text_parses_or_is_refused(text: str, strict: bool) -> None:
    _parsed_or_refused(text, strict=strict)


@given(st.text(alphabet="[]{}\"=\n.,:1ae# '\\", max_size=40))
def test_near_misses_parse_or_are_refused(text: str) -> None:
    _parsed_or_refused(text, ".toml")
    _parsed_or_refused(text)
