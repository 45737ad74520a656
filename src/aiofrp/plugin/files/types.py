"""The media type of a file: by its extension, or else by the beginning of its content, as in frp."""

from __future__ import annotations

import mimetypes
import os
import re
from functools import cache

#: Bytes of a content by which its type is found.
SNIFFED = 512
#: The type where nothing else is known.
BINARY = "application/octet-stream"

#: Types of extensions that are the same on every machine; all others come from the machine's own table.
_BUILT_IN = """\
application/gzip gz
application/json json
application/msword doc
application/octet-stream bin com exe
application/pdf pdf
application/postscript ai eps ps
application/rdf+xml rdf
application/rtf rtf
application/vnd.android.package-archive apk
application/vnd.ms-excel xls
application/vnd.ms-powerpoint ppt
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsx
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/wasm wasm
application/xhtml+xml xht xhtml
application/zip zip
audio/flac flac
audio/mp4 m4a
audio/mpeg mp3
audio/ogg oga ogg opus
audio/wav wav
audio/webm webm
image/apng apng
image/avif avif
image/bmp bmp
image/gif gif
image/jpeg jfif jpeg jpg pjp pjpeg
image/png png
image/svg+xml svg
image/tiff tif tiff
image/vnd.microsoft.icon ico
image/webp webp
image/x-xbitmap xbm
message/rfc822 eml
text/calendar ics
text/css css
text/csv csv
text/html ehtml htm html shtml
text/javascript js mjs
text/plain text txt
text/vtt vtt
text/xml xbl xml xsl
video/mp4 mp4
video/ogg ogv
"""
_HTML = re.compile(
    rb"(?i)[\t\n\f\r ]*<(?:!doctype html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p|!--)[ >]"
)
#: How contents begin, the first that fits counts (WHATWG MIME Sniffing §6).
_SIGNATURES = tuple(
    (re.compile(form, re.DOTALL), name)
    for form, name in (
        (rb"[\t\n\f\r ]*<\?xml", "text/xml; charset=utf-8"),
        (rb"%PDF-", "application/pdf"),
        (rb"%!PS-Adobe-", "application/postscript"),
        (rb"\xfe\xff..", "text/plain; charset=utf-16be"),
        (rb"\xff\xfe..", "text/plain; charset=utf-16le"),
        (rb"\xef\xbb\xbf.", "text/plain; charset=utf-8"),
        (rb"\0\0[\x01\x02]\0", "image/x-icon"),
        (rb"BM", "image/bmp"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBPVP", "image/webp"),
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"FORM....AIFF", "audio/aiff"),
        (rb"ID3", "audio/mpeg"),
        (rb"OggS\0", "application/ogg"),
        (rb"MThd\0\0\0\x06", "audio/midi"),
        (rb"RIFF....AVI ", "video/avi"),
        (rb"RIFF....WAVE", "audio/wave"),
        (rb"\x1a\x45\xdf\xa3", "video/webm"),
        (rb".{34}LP", "application/vnd.ms-fontobject"),
        (rb"\0\x01\0\0", "font/ttf"),
        (rb"OTTO", "font/otf"),
        (rb"ttcf", "font/collection"),
        (rb"wOFF", "font/woff"),
        (rb"wOF2", "font/woff2"),
        (rb"\x1f\x8b\x08", "application/x-gzip"),
        (rb"PK\x03\x04", "application/zip"),
        (rb"Rar!\x1a\x07(?:\0|\x01\0)", "application/x-rar-compressed"),
        (rb"\0asm", "application/wasm"),
    )
)
_NOT_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
#: Types that become smaller by compression, besides all of text.
_SHRINKING = re.compile(
    r"text/.*|(?:application|image|model|message)/(?:.*\+(?:xml|json|text)|json|javascript|xml|wasm|rtf|rfc822|x-sh"
    r"|x-ndjson|sql|toml|yaml|x-yaml|postscript|bmp|x-icon|vnd\.microsoft\.icon)|font/(?:ttf|otf)"
)


def type_by_name(name: str) -> str:
    """The type that the extension of ``name`` stands for, or empty when it is unknown."""
    extension = os.path.splitext("_" + name)[1]
    table = _table()
    return table.get(extension) or table.get(extension.lower(), "")


def type_by_content(beginning: bytes) -> str:
    """The type of a content that begins with ``beginning``, of which :data:`SNIFFED` bytes count."""
    data = beginning[:SNIFFED]
    if _HTML.match(data):
        return "text/html; charset=utf-8"
    for form, name in _SIGNATURES:
        if name == "video/webm" and _is_mp4(data):
            return "video/mp4"
        if form.match(data):
            return name
    return BINARY if _NOT_TEXT.search(data) else "text/plain; charset=utf-8"


def shrinks(content_type: str) -> bool:
    """Whether contents of this type are worth compressing."""
    return _SHRINKING.fullmatch(content_type.partition(";")[0]) is not None


def _is_mp4(data: bytes) -> bool:
    """Whether a box of file types comes first that names one of MPEG-4 (WHATWG MIME Sniffing §6.2.1)."""
    size = int.from_bytes(data[:4], "big")
    if len(data) < 12 or len(data) < size or size % 4 or data[4:8] != b"ftyp":
        return False
    return any(data[place : place + 3] == b"mp4" for place in (8, *range(16, size, 4)))


@cache
def _table() -> dict[str, str]:
    """Types by extension, with its dot: the machine's, then those of :data:`_BUILT_IN`. Reads files once."""
    known = [name for name in mimetypes.knownfiles if os.path.isfile(name)]
    machine = mimetypes.MimeTypes(known).types_map[True]
    table = {extension: _with_charset(name) for extension, name in machine.items()}
    for line in _BUILT_IN.splitlines():
        name, *extensions = line.split()
        table |= {f".{extension}": _with_charset(name) for extension in extensions}
    return table


def _with_charset(name: str) -> str:
    return f"{name}; charset=utf-8" if name.startswith("text/") else name
