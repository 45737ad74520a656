"""Paths of requests: cleaned, encoded, and never out of the folder."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote_to_bytes, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.plugin.files.paths import FilePlace, clean, encode, index_of, is_index, place_of, prefix_of

PIECES = st.lists(st.sampled_from([b"/", b".", b"..", b"a", b"b:c", b"\0", b"\\", b"//"]), max_size=8)


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        (b"/", b"/"),
        (b"", b"/"),
        (b"*", b"/*"),
        (b"/static/../c.toml", b"/c.toml"),
        (b"/a/./b/", b"/a/b/"),
        (b"/a//b", b"/a/b"),
        (b"//evil.test/x", b"/evil.test/x"),
        (b"/../..", b"/"),
        (b"/a/..", b"/"),
        (b"/a/.", b"/a"),
        (b"/..a/.b/...", b"/..a/.b/..."),
    ],
)
def test_cleaning(path: bytes, cleaned: bytes) -> None:
    assert clean(path) == cleaned
    assert clean(cleaned) == cleaned


@given(PIECES)
def test_a_clean_path_stays_below_the_root(pieces: list[bytes]) -> None:
    path = clean(b"/" + b"".join(pieces))
    assert path.startswith(b"/")
    assert not path.startswith(b"//")
    assert not {b".", b".."} & set(path.split(b"/"))


@given(PIECES)
def test_no_path_leads_out(pieces: list[bytes]) -> None:
    """Also a path that nobody cleaned."""
    path = b"".join(pieces)
    place = place_of(path)
    if place is None:
        return
    assert all(name and b"/" not in name and b"\0" not in name for name in place.names)
    joined = posixpath.normpath(posixpath.join(b"/root", *place.names))
    assert joined == b"/root" or joined.startswith(b"/root/")


@pytest.mark.parametrize(
    ("path", "place"),
    [
        (b"", FilePlace((), True)),
        (b"/", FilePlace((), True)),
        (b"a.txt", FilePlace((b"a.txt",), False)),
        (b"sub/", FilePlace((b"sub",), True)),
        (b"sub/a b", FilePlace((b"sub", b"a b"), False)),
        (b"..", None),
        (b"a/../b", None),
        (b"a\0b", None),
    ],
)
def test_places(path: bytes, place: FilePlace | None) -> None:
    assert place_of(path) == place


@given(st.binary(min_size=1, max_size=30))
def test_an_encoded_path_is_one_and_leads_back(path: bytes) -> None:
    url = encode(path)
    assert not set(url) & set(b" \"'<>&?#\\\r\n")
    parts = urlsplit(url)
    assert not parts.scheme
    assert not parts.netloc
    assert unquote_to_bytes(url.removeprefix(b"./") if not path.startswith(b"./") else url) == path


@pytest.mark.parametrize(
    ("option", "prefix"),
    [("", b"/"), ("static", b"/static/"), ("/a/b/", b"/a/b/"), ("/", b"/"), ("ä", "/ä/".encode())],
)
def test_prefixes(option: str, prefix: bytes) -> None:
    assert prefix_of(option) == prefix


def test_the_index_of_a_folder() -> None:
    assert index_of(FilePlace((b"sub",), True)) == FilePlace((b"sub", b"index.html"), False)
    assert is_index(b"/sub/index.html")
    assert not is_index(b"/subindex.html")
