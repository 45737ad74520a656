"""Reading the keys of one section."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.legacy import convert_client, convert_server, ini
from aiofrp.config.legacy.keys import CLIENT, COMMON, PLUGINS, PROXIES, PROXY, SERVER, VISITOR, VISITORS
from aiofrp.config.legacy.reader import (
    MAX_WARNINGS,
    Key,
    KeyKind,
    LegacyWarning,
    SectionReader,
    put,
    split_list,
)
from aiofrp.errors import ConfigError
from tests.config.batch import every


def reader(text: str) -> SectionReader:
    return SectionReader(ini.parse("[s]\n" + text), "s", [])


@every(["1", "t", "T", "true", "TRUE", "True", "YES", "yes", "Yes", "y", "ON", "on", "On"])
def test_true(text: str) -> None:
    assert reader(f"k = {text}").flag("k") is True


@every(["0", "f", "F", "false", "FALSE", "False", "NO", "no", "No", "n", "OFF", "off", "Off"])
def test_false(text: str) -> None:
    assert reader(f"k = {text}").flag("k") is False


@pytest.mark.parametrize("text", ["", "Y", "N", "tRUE", "2", "maybe"])
def test_neither(text: str) -> None:
    found = reader(f"k = {text}")
    assert found.flag("k") is None
    assert found.warnings == [LegacyWarning("s", "k", f"'{text}' is not true or false and has no effect", 2)]


@pytest.mark.parametrize(
    ("text", "number"), [("010", 8), ("0x10", 16), ("1_000", 1000), ("-1", -1), ("1.0", None)]
)
def test_numbers(text: str, number: int | None) -> None:
    assert reader(f"k = {text}").number("k") == number


def test_absent_keys_warn_of_nothing() -> None:
    found = reader("")
    assert (found.text("k"), found.flag("k"), found.number("k"), found.warnings) == ("", None, None, [])


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("a", ["a"]),
        (" a , b ", ["a", "b"]),
        ("a,,b,", ["a", "", "b"]),
        ("a, ", ["a", ""]),
        (r"a\,b,c\\d,e\f\\", ["a,b", r"c\d", "e\\f\\"]),
        ("a\\", ["a"]),
    ],
)
def test_lists(text: str, items: list[str]) -> None:
    assert split_list(text) == items


def test_filling_leaves_out_what_is_empty() -> None:
    tree: dict[str, Any] = {}
    keys = {
        "a": Key("x.a"),
        "b": Key("x.b"),
        "n": Key("n", KeyKind.NUMBER),
        "l": Key("l", KeyKind.LIST),
        "q": Key("q"),
    }
    reader("a = 1\nb =\nn = 0\nl =\n").fill(tree, keys)
    assert tree == {"x": {"a": "1"}, "n": 0}


def test_putting_makes_tables() -> None:
    tree: dict[str, Any] = {"a": {"b": 1}}
    put(tree, "a.c.d", 2)
    assert tree == {"a": {"b": 1, "c": {"d": 2}}}


def test_prefixes() -> None:
    assert reader("m_a = 1\nm_ = 2\nm = 3").with_prefix("m_") == {"a": "1", "": "2"}


def test_warnings_have_an_end() -> None:
    found = reader("".join(f"k{i} = 1\n" for i in range(MAX_WARNINGS * 2)))
    found.warn_unread(lambda section, key, known: key)
    assert len(found.warnings) == MAX_WARNINGS


def test_long_values_are_cut_in_warnings() -> None:
    found = reader("k = " + "x" * 1000)
    assert found.number("k") is None
    assert len(str(found.warnings[0])) < 120


FURTHER = "type role plugin meta_x bandwidth_limit allow_ports dashboard_tls_mode authentication_timeout"
TABLES = (COMMON, SERVER, CLIENT, PROXY, VISITOR, *VISITORS.values(), *PROXIES.values(), *PLUGINS.values())
NAMES = sorted({*FURTHER.split(), *(key for table in TABLES for key in table)})
VALUES = st.sampled_from(
    [
        "",
        "1",
        "true",
        "x",
        "a,b",
        "1-3",
        "tcp",
        "xtcp",
        "visitor",
        "%(type)s",
        "kcp",
        "socks5",
        "1MB",
        "\udcff",
    ]
)
SECTIONS = st.sampled_from(["a", "a.b", "range:r", "plugin.x", "DEFAULT", "common"])
FILES = st.lists(
    st.tuples(SECTIONS, st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=6)), max_size=4
)


@given(FILES)
def test_any_file_is_converted_or_refused(sections: list[tuple[str, list[tuple[str, str]]]]) -> None:
    text = "[common]\n"
    for section, keys in sections:
        text += f"[{section}]\n" + "".join(f"{key} = {value}\n" for key, value in keys)
    file = ini.parse(text)
    assert isinstance(convert_server(file).config["webServer"], dict)
    try:
        result = convert_client(file)
    except ConfigError:
        return
    found = [item["name"] for item in result.config["proxies"]]
    assert found == sorted(found)
