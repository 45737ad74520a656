"""Media types by extension and by content."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiofrp.plugin.files.types import shrinks, type_by_content, type_by_name


@pytest.mark.parametrize(
    ("name", "content_type"),
    [
        ("a.txt", "text/plain; charset=utf-8"),
        ("A.TXT", "text/plain; charset=utf-8"),
        ("page.html", "text/html; charset=utf-8"),
        ("a.js", "text/javascript; charset=utf-8"),
        ("a.json", "application/json"),
        ("a.tar.gz", "application/gzip"),
        ("a.svg", "image/svg+xml"),
        ("a.wasm", "application/wasm"),
        ("a.b/c", ""),
        ("a.unheard-of", ""),
        ("Makefile", ""),
        (".txt", "text/plain; charset=utf-8"),
        ("", ""),
        ("\udcff.png", "image/png"),
    ],
)
def test_names(name: str, content_type: str) -> None:
    assert type_by_name(name) == content_type


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b"", "text/plain; charset=utf-8"),
        (b"hello\n", "text/plain; charset=utf-8"),
        ("hällo".encode(), "text/plain; charset=utf-8"),
        (b"a\0b", "application/octet-stream"),
        (b"\xff\xfea\0", "text/plain; charset=utf-16le"),
        (b"\xfe\xff\0a", "text/plain; charset=utf-16be"),
        (b"\xef\xbb\xbfa\x01", "text/plain; charset=utf-8"),
        (b"\n <!DocType HTML>", "text/html; charset=utf-8"),
        (b"<a href=x>", "text/html; charset=utf-8"),
        (b"<aside>", "text/plain; charset=utf-8"),
        (b"<p", "text/plain; charset=utf-8"),
        (b" <?xml version='1.0'?>", "text/xml; charset=utf-8"),
        (b"%PDF-1.7", "application/pdf"),
        (b"%!PS-Adobe-3.0", "application/postscript"),
        (b"\0\0\1\0", "image/x-icon"),
        (b"BM", "image/bmp"),
        (b"GIF89a", "image/gif"),
        (b"GIF88a", "text/plain; charset=utf-8"),
        (b"RIFF\n\n\n\nWEBPVP8", "image/webp"),
        (b"RIFF....WAVEfmt", "audio/wave"),
        (b"RIFF....AVI LIST", "video/avi"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"ID3", "audio/mpeg"),
        (b"OggS\0", "application/ogg"),
        (b"MThd\0\0\0\6", "audio/midi"),
        (b"\0\0\0\x14ftypisom\0\0\0\0mp42", "video/mp4"),
        (b"\0\0\0\x14ftypmp42\0\0\0\0isom", "video/mp4"),
        (b"\0\0\0\x10ftypisommp42", "application/octet-stream"),
        (b"\0\0\0\x40ftypmp42\0\0\0\0", "application/octet-stream"),
        (b"\x1a\x45\xdf\xa3", "video/webm"),
        (b"\0" * 34 + b"LP", "application/vnd.ms-fontobject"),
        (b"\0\1\0\0", "font/ttf"),
        (b"wOF2", "font/woff2"),
        (b"\x1f\x8b\x08", "application/x-gzip"),
        (b"PK\3\4", "application/zip"),
        (b"Rar!\x1a\x07\1\0", "application/x-rar-compressed"),
        (b"\0asm", "application/wasm"),
        (b"a" * 512 + b"\0", "text/plain; charset=utf-8"),
    ],
)
def test_contents(content: bytes, content_type: str) -> None:
    assert type_by_content(content) == content_type


@given(st.binary(max_size=600))
def test_every_content_has_a_type(content: bytes) -> None:
    assert "/" in type_by_content(content)


def test_what_is_worth_compressing() -> None:
    names = ["a.txt", "a.html", "a.css", "a.js", "a.json", "a.svg", "a.xml", "a.wasm", "a.csv"]
    assert all(shrinks(type_by_name(name)) for name in names)
    assert not any(shrinks(type_by_name(name)) for name in ("a.png", "a.zip", "a.mp4", "a.pdf", "a.gz"))
    assert not shrinks("application/octet-stream")
