from __future__ import annotations

from aiofrp.config.problem import MAX_SHOWN, InvalidConfig, Problem, dotted
from aiofrp.errors import ConfigError


def test_paths() -> None:
    assert dotted(("proxies", 1, "localPort")) == "proxies[1].localPort"
    assert dotted(()) == ""


def test_messages_first_then_explanations() -> None:
    error = InvalidConfig(
        [
            Problem("first", ("a", 0), "write b", "f.toml", 3),
            Problem("second"),
            Problem("third: x", ("x",)),
            Problem("fourth", ("y",)),
        ]
    )
    assert str(error) == "first\nsecond\nthird: x\nfourth\n  f.toml:3: a[0]: write b\n  y"
    assert isinstance(error, ConfigError)
    assert error.path == "a[0]"


def test_a_place_is_given_once() -> None:
    placed = Problem("m", ("a",)).at("f", 2)
    assert (placed.file, placed.line) == ("f", 2)
    assert placed.at("g", 3) is placed
    assert Problem("about no place").at("f", 2).file == ""


def test_a_line_of_its_own_stays() -> None:
    assert Problem("m", line=7).at("f", 2).line == 7


def test_very_many_problems_are_cut() -> None:
    error = InvalidConfig(Problem(f"p{number}") for number in range(MAX_SHOWN + 5))
    assert len(str(error).splitlines()) == MAX_SHOWN + 1
    assert str(error).endswith("… and 5 more problems")
    assert len(error.problems) == MAX_SHOWN + 5
