"""How command lines are taken apart, on a small program."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.flags.help import help_page
from aiofrp.config.flags.parse import (
    Command,
    Flag,
    Invocation,
    UnknownCommand,
    UsageError,
    command_line,
    find,
    parse,
)

LEAF = Command("leaf", "a leaf", run="x:y", flags=(Flag("deep", "bool", "", default=False),))
TWIG = Command(
    "twig",
    "a twig",
    run="x:y",
    flags=(Flag("local-port", "int", "the port", short="l", default=0),),
    inherited=(Flag("on", "bool", "", short="o", default=True), Flag("name", "string", "a name", default="")),
    commands=(LEAF,),
)
ROOT = Command(
    "tree",
    "a tree",
    run="x:y",
    inherited=(
        Flag("config", "string", "a file", short="c", default="./x"),
        Flag("some", "strings", "", short="s", default=()),
        Flag("pairs", "map", ""),
        Flag("wait", "duration", "", default=30.0),
        Flag("mode", "bool", "", default=False, word=True),
        Flag("quick", "bool", "", short="q", default=False),
    ),
    commands=(TWIG, Command("shut", "no words", run="x:y", wordless=True)),
)


def parsed(*arguments: str) -> Invocation:
    return parse(ROOT, arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--config", "a"),
        ("--config=a",),
        ("-c", "a"),
        ("-ca",),
        ("-c=a",),
        ("-qca",),
        ("-q", "-c=a"),
        ("-c", "b", "-c", "a"),
    ],
)
def test_ways_to_give_a_text(arguments: tuple[str, ...]) -> None:
    assert parsed(*arguments).value("config") == "a"


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        ((), "config", "./x"),
        (("-c=",), "config", "="),
        (("--config=",), "config", ""),
        (("--config", "--some"), "config", "--some"),
        (("--config=a=b",), "config", "a=b"),
        (("-q",), "quick", True),
        (("-q=false",), "quick", False),
        (("--quick=0",), "quick", False),
        (("-s", "a,b", "--some=c"), "some", ("a", "b", "c")),
        (("--pairs", "a=1", "--pairs=b=2,c=3"), "pairs", {"a": "1", "b": "2", "c": "3"}),
        (("--wait=1m30s",), "wait", 90.0),
        (("--mode", "true"), "mode", True),
        (("--mode", "false"), "mode", False),
        (("--mode",), "mode", True),
    ],
)
def test_values(arguments: tuple[str, ...], name: str, value: Any) -> None:
    assert parsed(*arguments).value(name) == value


def test_dashes_and_underscores_are_the_same_in_names() -> None:
    assert parsed("twig", "--local_port", "5").value("local-port") == 5
    assert parsed("twig", "--local_port=5").value("local-port") == 5


def test_a_boolean_does_not_take_the_next_word() -> None:
    invocation = parsed("twig", "-o", "false")
    assert invocation.value("on") is True
    assert invocation.words == ["false"]


def test_a_mode_leaves_a_word_that_is_not_for_it() -> None:
    invocation = parsed("--mode", "twig", "--mode", "-q")
    assert (invocation.command.name, invocation.value("mode"), invocation.value("quick")) == (
        "twig",
        True,
        True,
    )


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        ((), "tree"),
        (("twig",), "tree twig"),
        (("-c", "twig"), "tree"),
        (("-c", "a", "twig"), "tree twig"),
        (("-q", "twig"), "tree twig"),
        (("--mode", "true", "twig"), "tree twig"),
        (("--config", "leaf", "twig", "leaf"), "tree twig leaf"),
        (("twig", "-l", "5", "leaf"), "tree twig leaf"),
        (("--name", "x", "twig"), "tree twig"),
        (("twig", "other", "leaf"), "tree twig"),
        (("--", "twig"), "tree"),
        (("-", "twig"), "tree twig"),
    ],
)
def test_the_command_that_is_meant(arguments: tuple[str, ...], command: str) -> None:
    path, _ = find(ROOT, arguments)
    assert command_line(path) == command


def test_the_value_of_letters_in_one_word_is_taken_for_a_command() -> None:
    """As cobra does: it skips the word after one letter only."""
    with pytest.raises(UnknownCommand):
        parsed("-qc", "a")
    assert parsed("twig", "-qc", "a").value("config") == "a"


def test_flags_of_a_command_above_hold_below() -> None:
    invocation = parsed("twig", "leaf", "--name", "n", "-c", "f", "--deep")
    assert [invocation.value(name) for name in ("name", "config", "deep")] == ["n", "f", True]


def test_words_after_two_dashes_are_no_flags() -> None:
    assert parsed("twig", "a", "--", "-l", "--bogus").words == ["a", "-l", "--bogus"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--bogus",), "unknown flag: --bogus"),
        (("--bo_gus=1",), "unknown flag: --bo_gus"),
        (("--Config=1",), "unknown flag: --Config"),
        (("--local-port", "1"), "unknown flag: --local-port"),
        (("-qz",), "unknown shorthand flag: 'z' in -z"),
        (("-z'",), "unknown shorthand flag: 'z' in -z'"),
        (("-'",), "unknown shorthand flag: '\\'' in -'"),
        (("--config",), "flag needs an argument: --config"),
        (("-qc",), "flag needs an argument: 'c' in -c"),
        (("--=1",), "bad flag syntax: --=1"),
        (("---x",), "bad flag syntax: ---x"),
        (
            ("twig", "-lx"),
            'invalid argument "x" for "-l, --local-port" flag: strconv.ParseInt: parsing "x": ',
        ),
        (("--quick=x",), 'invalid argument "x" for "-q, --quick" flag: strconv.ParseBool: parsing "x": '),
        (("shut", "word"), 'unknown command "word" for "tree shut"'),
    ],
)
def test_lines_that_mean_nothing(arguments: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parsed(*arguments)
    assert str(caught.value).startswith(message)


def test_unknown_commands_and_what_may_have_been_meant() -> None:
    with pytest.raises(UnknownCommand, match=r'^unknown command "xyz" for "tree"$'):
        parsed("xyz")
    for typed in ("twigg", "tw", "TWIG", "wig"):
        with pytest.raises(UnknownCommand, match=r"Did you mean this\?\n\ttwig\n$"):
            parsed(typed)


def test_a_help_page() -> None:
    page = help_page((ROOT, TWIG))
    assert (
        page
        == """\
a twig

Usage:
  tree twig [flags]
  tree twig [command]

Available Commands:
  leaf        a leaf

Flags:
  -h, --help             help for twig
  -l, --local-port int   the port
      --name string      a name
  -o, --on                (default true)

Global Flags:
  -c, --config string          a file (default "./x")
      --mode                   \n\
      --pairs stringToString    (default [])
  -q, --quick                  \n\
  -s, --some strings           \n\
      --wait duration           (default 30s)

Use "tree twig [command] --help" for more information about a command.
"""
    )


@given(
    st.lists(
        st.text(alphabet="-=_,cqslhx tiwge\"'é1", max_size=8) | st.sampled_from(["twig", "leaf", "--", "-c"])
    )
)
def test_every_line_is_understood_or_refused(arguments: list[str]) -> None:
    with contextlib.suppress(UsageError):
        assert parse(ROOT, arguments).path[0] is ROOT
