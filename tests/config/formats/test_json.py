"""JSON: repeated keys, numbers, and errors in Go's words."""

from __future__ import annotations

import pytest

from aiofrp.config.formats.json import parse_json
from aiofrp.config.golang.jsonnumber import JsonFloat
from aiofrp.errors import ConfigError
from tests.config.batch import every


def _error(text: str, *, strict: bool = True) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_json(text, strict=strict)
    return str(caught.value).splitlines()[0]


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


def test_text_that_is_no_unicode_is_replaced() -> None:
    assert parse_json('{"a": "x\udcff"}') == {"a": "x\ufffd"}
    assert parse_json(r'{"\uD800a": ["\udc00\ud83d\ude00", {"b": "\ud83d"}]}') == {
        "\ufffda": ["\ufffd\U0001f600", {"b": "\ufffd"}]
    }


@every(
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
    ]
)
def test_json_errors(text: str, message: str) -> None:
    assert _error(text).startswith(message)
