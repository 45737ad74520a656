"""Parsers that recurse too deeply."""

from __future__ import annotations

import json

import pytest

from aiofrp.config.formats.depth import MAX_DEPTH, depth_above, within_depth
from aiofrp.errors import ConfigError


def test_a_parser_at_the_end_of_the_stack_is_an_error_of_the_configuration() -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        within_depth(json.loads, "[" * 100_000)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 900, 20_000, 90_000])
@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"a":', "}"), ('[1,{"a":', "}]")])
def test_what_nests_too_deeply_is_an_error_whatever_the_stack_holds(start: str, end: str, depth: int) -> None:
    with pytest.raises(ConfigError, match="nested too deeply"):
        within_depth(json.loads, start * depth + "1" + end * depth)


def test_what_nests_less_is_read() -> None:
    text = "[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH
    assert within_depth(json.loads, text) == json.loads(text)


def test_values_in_several_places_are_looked_at_once_a_level() -> None:
    tree: list[object] = [1]
    for _ in range(150):
        tree = [tree] * 9
    assert not depth_above(tree, 151)
    assert depth_above(tree, 150)
    tree.append(tree)
    assert depth_above(tree, 300)


def test_options_and_other_errors_pass_through() -> None:
    assert within_depth(json.loads, "1.0", parse_float=str) == "1.0"
    with pytest.raises(json.JSONDecodeError):
        within_depth(json.loads, "[")
