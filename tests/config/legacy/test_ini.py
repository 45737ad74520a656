"""INI files as the reference reads them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.config.legacy import ini
from aiofrp.config.legacy.ini import DEFAULT, MAX_ANCESTORS, MAX_VALUE, IniError
from tests.config.batch import every
from tests.config.recorded import load


def common(text: str) -> dict[str, str | None]:
    """The keys of [common] in a file that has only ``text`` in it."""
    file = ini.parse("[common]\n" + text)
    return {key: file.get("common", key) for key in file.own("common")}


@every(load("ini")["cases"], lambda case: case["ini"][:30])
def test_reads_as_recorded(case: dict[str, Any]) -> None:
    assert ini.is_ini(case["ini"].encode()) is case["detected"]
    if "error" in case:
        with pytest.raises(IniError):
            ini.parse(case["ini"])
        return
    file = ini.parse(case["ini"])
    sections = [
        [name, [[key, entry.value, file.get(name, key)] for key, entry in file.own(name).items()]]
        for name in file
    ]
    assert sections == case["sections"]


@every(
    [
        ("a = x", "x"),
        ("\t a\t:\tx ", "x"),
        ("a=x=y:z", "x=y:z"),
        ("a =", ""),
        ("a = x;y # z", "x;y # z"),
        ('a = "x"', "x"),
        ("a = 'x'", "x"),
        ('a = "x\'y"', "x'y"),
        ('a = "x" y', '"x" y'),
        ('a = "x"y"', '"x"y"'),
        ("a = `x 'y' \"z\"`", "x 'y' \"z\""),
        ('a = """x "y" z"""', 'x "y" z'),
        ("a = `x\n  y\n`", "x\n  y\n"),
        ('a = """x\ny"""', "x\ny"),
        ("a = x\\\n  y", "xy"),
        ("a = x\\\n\nb = 1", "x"),
        ("a = 1\na = 2", "2"),
        ('"a" = 1', "1"),
        ("`a` = 1", "1"),
        ("a", "true"),
    ]
)
def test_values(text: str, value: str) -> None:
    assert common(text)["a"] == value


def test_section_names() -> None:
    assert list(ini.parse("[ a b ]\n[x] # note\n[y]z]\n[a b]\n")) == [DEFAULT, " a b ", "x", "y]z", "a b"]


def test_a_repeated_section_goes_on() -> None:
    file = ini.parse("[a]\nx=1\n[b]\n[a]\ny=2\nx=3\n")
    assert (file.get("a", "x"), file.get("a", "y")) == ("3", "2")


def test_inheritance_follows_the_dots() -> None:
    file = ini.parse("[a]\nx=1\ny=1\n[a.b]\ny=2\n[a.b.c]\n[a.gone.c]\n[z.c]\n")
    assert [file.get("a.b.c", key) for key in "xyz"] == ["1", "2", None]
    assert file.get("a.gone.c", "x") == "1"
    assert file.get("z.c", "x") is None
    assert file.owner("a.b.c", "y") == "a.b"


def test_a_leading_dot_inherits_what_stands_before_all_sections() -> None:
    assert ini.parse("x=1\n[.a]\n").get(".a", "x") == "1"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a = %(b)s-%(b)s\nb = x", "x-x"),
        ("a = %(b)s\nb = %(c)s\nc = x", "x"),
        ("a = %(nope)s", "%(nope)s"),
        ("a = %(a)s", "%(a)s"),
        ("a = 100%", "100%"),
        ("a = %(common key)s", "%(common key)s"),
    ],
)
def test_references(text: str, value: str) -> None:
    assert common(text)["a"] == value


def test_references_look_before_all_sections_last() -> None:
    file = ini.parse("host = h\nport = 1\n[common]\nport = 2\na = %(host)s:%(port)s\nport2 = %(port2)s\n")
    assert file.get("common", "a") == "h:2"
    assert file.get("common", "port2") == "%(port2)s"


def test_a_key_that_names_itself_means_the_one_before_all_sections() -> None:
    file = ini.parse("host = h\n[common]\nhost = %(host)s\n")
    assert file.get("common", "host") == "h"


def test_an_inherited_value_refers_to_the_section_it_stands_in() -> None:
    file = ini.parse("[a]\nx=%(y)s\ny=1\n[a.b]\ny=2\n")
    assert file.get("a.b", "x") == "1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a=1\n[x\n", "line 2: unclosed section: [x"),
        ("[]\n", "line 1: empty section name"),
        ("\n=1\n", "line 2: empty key name: =1"),
        ('"a = 1\n', 'line 1: missing closing key quote: "a = 1'),
        ("a = `x\ny\n", "line 1: missing closing quote `"),
        ('"" = 1\n', "line 1: error creating new key: empty key name"),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(IniError) as caught:
        ini.parse(text)
    assert str(caught.value) == message
    assert caught.value.line == int(message.split()[1].rstrip(":"))


@every(
    [
        (b"[common]\nserver_port = 7000\n", True),
        (b"\xef\xbb\xbf[common]\n", True),
        (b"[common]\na = \xff\n", True),
        (b"bindPort = 1\n[common]\nx = 1\n", True),
        (b"[ssh]\ntype = tcp\n", False),
        (b"[ common ]\n", False),
        (b"[common]\ntls_only\n", False),
        (b"[common]\n{{ if true }}\na = 1\n{{ end }}\n", False),
        (b"common: {a: 1}\n", False),
        (b"\xff\xfe[\0c\0o\0m\0m\0o\0n\0]\0\n\0", False),
        (b"", False),
    ]
)
def test_detection(raw: bytes, expected: bool) -> None:
    assert ini.is_ini(raw) is expected


def test_lines_are_known() -> None:
    file = ini.parse("[a]\nx = `1\n2`\ny = 3\\\n4\nz = 5\n")
    assert [file.line("a", key) for key in "xyzq"] == [2, 4, 6, 0]
    assert file.line("a.b", "x") == 2


def test_references_cannot_explode() -> None:
    text = "".join(f"k{i} = %(k{i + 1})s%(k{i + 1})s\n" for i in range(90)) + "k90 = x\n"
    with pytest.raises(IniError, match=f"value of more than {MAX_VALUE} characters"):
        common(text)


def test_continued_values_are_limited() -> None:
    with pytest.raises(IniError, match=f"value of more than {MAX_VALUE} characters"):
        common("a = x\\\n" + (("y" * 1000) + "\\\n") * 2000)


def test_dots_are_limited() -> None:
    assert ini.parse("[" + "." * MAX_ANCESTORS + "]\n").get("." * MAX_ANCESTORS, "x") is None
    with pytest.raises(IniError, match=f"more than {MAX_ANCESTORS} dots"):
        ini.parse("[" + "." * 1_000_000 + "]\n")


def test_entries_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ini, "MAX_ENTRIES", 10)
    assert list(ini.parse("[a]\n" + "".join(f"k{i}=1\n" for i in range(9)))) == [DEFAULT, "a"]
    with pytest.raises(IniError, match="more than 10 sections and keys"):
        ini.parse("".join(f"[s{i}]\n" for i in range(11)))


PIECES = """[ ] [common] [a.b] [a] = : k v ' " ` \\ # ; - %( )s %(k)s é"""


@given(
    st.lists(st.sampled_from([*PIECES.split(), '"""', " ", "\n", "\r\n", "\t", "\udcff"]), max_size=30).map(
        "".join
    )
)
def test_any_mix(text: str) -> None:
    try:
        file = ini.parse(text)
    except IniError:
        return
    for section in file:
        for key, entry in file.own(section).items():
            assert 1 <= entry.line <= text.count("\n") + 1
            assert file.get(section, key) is not None


@given(st.binary())
def test_any_bytes(raw: bytes) -> None:
    assert ini.is_ini(raw) in (True, False)


@given(st.text(st.characters(exclude_categories=())))
def test_any_text(text: str) -> None:
    line = 1
    try:
        ini.parse(text)
    except IniError as error:
        line = error.line
    assert line >= 1
