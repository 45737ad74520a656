"""Parsers that recurse too deeply."""

from __future__ import annotations

import json

import pytest

from aiofrp.config.formats.depth import within_depth
from aiofrp.errors import ConfigError


def test_a_parser_at_the_end_of_the_stack_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        within_depth(json.loads, "[" * 100_000)


def test_options_and_other_errors_pass_through() -> None:
    assert within_depth(json.loads, "1.0", parse_float=str) == "1.0"
    with pytest.raises(json.JSONDecodeError):
        within_depth(json.loads, "[")
