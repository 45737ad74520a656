"""Which format a text has."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.formats.document import parse
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
