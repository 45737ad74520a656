"""Sections [range:NAME]."""

from __future__ import annotations

import pytest

from aiofrp.config.legacy import ini
from aiofrp.config.legacy.ranges import expand_ranges
from aiofrp.errors import ConfigError


def expanded(text: str) -> list[tuple[str, str | None, str | None]]:
    """Name and ports of the sections a range adds."""
    file = expand_ranges(ini.parse(text))
    added = [section for section in file if section not in ini.parse(text)]
    return [(name, file.get(name, "local_port"), file.get(name, "remote_port")) for name in added]


def test_each_pair_of_ports_is_a_section() -> None:
    assert expanded("[range: r]\nlocal_port = 1-2,9\nremote_port = 11-13\n") == [
        ("r_0", "1", "11"),
        ("r_1", "2", "12"),
        ("r_2", "9", "13"),
    ]


def test_other_keys_are_copied_but_not_what_is_inherited() -> None:
    file = expand_ranges(
        ini.parse(
            "[range:a]\nlocal_port=1\nx=1\n[range:a.b]\nremote_port=2\ny=%(z)s\nz=3\n[range:a]\nremote_port=7"
        )
    )
    assert (file.get("a.b_0", "y"), file.get("a.b_0", "x")) == ("3", None)
    assert file.get("a_0", "x") == "1"


def test_a_section_of_that_name_is_merged() -> None:
    file = expand_ranges(ini.parse("[r_0]\nx=1\nlocal_port=5\n[range:r]\nlocal_port=1\nremote_port=2\n"))
    assert (file.get("r_0", "x"), file.get("r_0", "local_port")) == ("1", "1")


def test_without_ranges_the_file_is_given_back() -> None:
    file = ini.parse("[ range:x ]\n[xrange:y]\n")
    assert expand_ranges(file) is file


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ("local_port = 1", "local_port or remote_port is empty"),
        ("local_port = 1-3\nremote_port = 1-2", "local ports number should be same with remote ports number"),
        ("local_port = 3-1\nremote_port = 1-2", "range number is invalid"),
        (
            "local_port = a\nremote_port = 1",
            'range number is invalid, strconv.ParseInt: parsing "a": invalid syntax',
        ),
        ("local_port = 1-9999999\nremote_port = 1", "range holds more than 262144 numbers"),
    ],
)
def test_errors(keys: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        expand_ranges(ini.parse(f"[range:t]\n{keys}\n"))
    assert str(caught.value) == f"failed to render template for proxy range:t: {reason}"


def test_the_number_of_sections_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ini, "MAX_ENTRIES", 100)
    with pytest.raises(ConfigError, match="more than 100 sections"):
        expand_ranges(ini.parse("[range:t]\nlocal_port = 1-200\nremote_port = 1-200\n"))
