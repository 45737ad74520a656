"""Flags of ``aiofrp`` alone: values that they take, and what is said of others."""

from __future__ import annotations

import pytest

from aiofrp.config.flags.ownkinds import MAX_SHOWN, FlagValueError, shown
from aiofrp.config.flags.parse import Command, Flag, parse
from aiofrp.config.flags.values import KINDS
from aiofrp.errors import ConfigError

_PORTS = ["-1", "99999", "65536", "text", "", "9" * 5000, "::1", "1.5", "80x", " 80", "٣", "1_0", "+1"]
_HOSTS = ["", "a b", "http://a", "a:80", "a/b", "u@a", "a..b", ".a", "a.*", "a" * 254, "a\nb"]


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("port", "1", 1),
        ("port", "65535", 65535),
        ("port-or-any", "0", 0),
        ("port-or-none", "0", 0),
        ("port-or-none", "80", 80),
        ("text", "a b", "a b"),
        ("switch", "true", True),
        ("switch", "False", False),
        ("domain", "例え.example", "例え.example"),
        ("domains", "a.example,*.b.example,*", ("a.example", "*.b.example", "*")),
    ],
)
def test_values(kind: str, text: str, value: object) -> None:
    assert KINDS[kind].read(text) == value


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        *(("port", text, "is no port. Give 1 to 65535") for text in ["0", *_PORTS]),
        *(("port-or-any", text, "is no port. Give 1 to 65535, or 0 for any free one") for text in _PORTS),
        *(("port-or-none", text, "is no port. Give 1 to 65535, or 0 for none") for text in _PORTS),
        ("text", "", "has nothing in it. Give a value, or leave the flag out"),
        *(("switch", text, "is neither true nor false.") for text in ["maybe", "", "2", "yes"]),
        *(("domain", text, "is no host name. Give the name alone") for text in ["*", "*.a", "a,b", *_HOSTS]),
        *(("domains", text, "is no host name. Give the name alone") for text in [*_HOSTS, "a,", "a,b c"]),
    ],
)
def test_wrong_values(kind: str, text: str, reason: str) -> None:
    with pytest.raises(FlagValueError) as caught:
        KINDS[kind].read(text)
    assert str(caught.value).startswith(reason)


def test_the_error_names_the_flag_and_the_value() -> None:
    root = Command("x", "", flags=(Flag("port", "port", "", short="p", default=1),))
    for words in (["--port", "a b"], ["--port=a b"], ["-p", "a b"]):
        with pytest.raises(ConfigError) as caught:
            parse(root, words)
        assert str(caught.value) == "--port 'a b' is no port. Give 1 to 65535"


def test_a_long_value_is_cut() -> None:
    assert shown("9" * 5000) == "9" * MAX_SHOWN + "…"
    assert shown("a" * MAX_SHOWN) == "a" * MAX_SHOWN
    assert shown("a\n" * 5000) == repr("a\n" * (MAX_SHOWN // 2) + "…")
    assert shown("") == "''"
