"""The page that lists a folder, as a browser and as programs read it."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.plugin.files import listing
from aiofrp.plugin.files.listing import HEAD, TAIL, ListedFile, piece, size_text, sorted_names

NAMES = st.binary(min_size=1, max_size=20).filter(lambda name: b"/" not in name and b"\0" not in name)


class Page(HTMLParser):
    """Collects the links of a page with their texts."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.tags: set[str] = set()
        self._open: str | None = None
        self.feed(page.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "a":
            self._open = dict(attrs)["href"]

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.links.append((self._open, data))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._open = None


def test_the_links_are_those_of_frp() -> None:
    page = (
        HEAD
        + piece([ListedFile(b"a.txt", 16, 0), ListedFile(b"f <1>.txt", 1, 0), ListedFile(b"sub/", None, 0)])
        + TAIL
    )
    links = re.findall(r"(?m)^<a href=.*$", page.decode())
    assert links == [
        '<a href="a.txt">a.txt</a>',
        '<a href="f%20%3C1%3E.txt">f &lt;1&gt;.txt</a>',
        '<a href="sub/">sub/</a>',
    ]
    lines = page.decode().splitlines()
    assert lines[0] == "<!doctype html>"
    assert lines[1] == '<meta name="viewport" content="width=device-width">'
    assert lines[lines.index(links[0]) - 1] == "<pre>"
    assert lines[-1] == "</pre>"


def test_sizes_and_dates_stand_below() -> None:
    page = piece(
        [ListedFile(b"a", 5_000_000, 1.7e9), ListedFile(b"d/", None, 1.7e9), ListedFile(b"gone", None, None)]
    )
    assert re.findall("<small>(.*)</small>", page.decode()) == [
        "4.8 MiB  2023-11-14 22:13 UTC",
        "2023-11-14 22:13 UTC",
    ]
    assert page.endswith(b'<a href="gone">gone</a>\n')


@given(st.lists(NAMES, max_size=5))
def test_every_name_is_shown_and_linked(names: list[bytes]) -> None:
    page = Page(HEAD + piece(ListedFile(name, 1, 0) for name in names) + TAIL)
    assert page.tags <= {"meta", "style", "pre", "a", "small"}
    linked = [
        unquote_to_bytes(url.removeprefix("./") if url not in (".", "..") else url) for url, _ in page.links
    ]
    assert [name.removeprefix(b"./") for name in linked] == [name.removeprefix(b"./") for name in names]


def test_a_name_that_is_no_utf8_is_linked_by_its_bytes() -> None:
    assert b'<a href="%FFa">' in piece([ListedFile(b"\xffa", None, None)])


def test_the_order_is_that_of_the_bytes() -> None:
    names = [b"b/", b"a/", b"a.txt", b"B", "ä".encode(), b"a-b"]
    assert sorted_names(names) == [b"B", b"a/", b"a-b", b"a.txt", b"b/", "ä".encode()]


def test_many_names_are_in_order_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [b"%d/" % number if number % 3 else b"%d" % number for number in range(1000)]
    once = sorted_names(names)
    monkeypatch.setattr(listing, "_RUN", 64)
    assert sorted_names(names) == once
    assert sorted_names([]) == []


@pytest.mark.parametrize("modified", [1e18, -1e18, float(2**63)])
def test_times_that_no_calendar_has(modified: float) -> None:
    assert b"?" in piece([ListedFile(b"a", 1, modified)])


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (10 * 2**30, "10.0 GiB"), (2**60, "1048576.0 TiB")],
)
def test_sizes(size: int, text: str) -> None:
    assert size_text(size) == text
